/** The recipes of test/fixtures/recipes, as values. */
import { readFileSync } from 'node:fs'
import { parseRecipe } from '../../../machines/recipe/parse.ts'
import type { Recipe } from '../../../machines/recipe/types.ts'

export function recipeFixture(name: 'linux' | 'windows' | 'firmware' | 'esxi'): Recipe {
  const result = parseRecipe(readFileSync(new URL(`../../fixtures/recipes/${name}.json`, import.meta.url)))
  if (!result.ok) throw new Error(`the fixture ${name}.json is refused: ${JSON.stringify(result.faults)}`)
  return result.recipe
}
