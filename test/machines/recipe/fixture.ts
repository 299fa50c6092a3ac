/** Recipes that are accepted: the example of deploy/examples/recipes and those of test/fixtures/recipes. */
import { readFileSync } from 'node:fs'
import { parseRecipe } from '../../../machines/recipe/parse.ts'
import type { Recipe } from '../../../machines/recipe/types.ts'

const folders = { linux: 'deploy/examples', windows: 'test/fixtures', firmware: 'test/fixtures', esxi: 'test/fixtures' }

export const recipeNames = Object.keys(folders) as (keyof typeof folders)[]

export function recipeBytes(name: keyof typeof folders): Buffer {
  return readFileSync(new URL(`../../../${folders[name]}/recipes/${name}.json`, import.meta.url))
}

/** @throws Error when the recipe is refused. */
export function recipeFixture(name: keyof typeof folders): Recipe {
  const result = parseRecipe(recipeBytes(name))
  if (!result.ok) throw new Error(`the fixture ${name}.json is refused: ${JSON.stringify(result.faults)}`)
  return result.recipe
}
