/** The verdict on a recipe in the short form that tests compare. */
import { parseRecipe } from '../../../machines/recipe/parse.ts'

/** `[path, code]` of each fault; empty for an accepted recipe. */
export function faults(recipe: unknown): [string, string][] {
  const result = parseRecipe(JSON.stringify(recipe))
  return result.ok ? [] : result.faults.map(({ path, code }) => [path, code])
}

/** A recipe for a target that needs nothing, with these fields. */
export function custom(fields: object): unknown {
  return { task_target: 'custom.target', ...fields }
}
