/** A recipe that a job takes: one that is valid, and whose target this version installs. */
import { targetOf } from '../../machines/job/targets.ts'
import { type ParsedRecipe, parseRecipe } from '../../machines/recipe/parse.ts'

/** An accepted recipe, and the very bytes in which it was sent. */
export type AcceptedRecipe = Extract<ParsedRecipe, { readonly ok: true }> & { readonly raw: Uint8Array }
type RefusedRecipe = Extract<ParsedRecipe, { readonly ok: false }>

/** Reads a recipe as it was sent; answers every fault of one that no job takes. */
export function readRecipe(raw: Uint8Array): AcceptedRecipe | RefusedRecipe {
  const parsed = parseRecipe(raw)
  if (!parsed.ok) return parsed
  if (targetOf(parsed.recipe.task_target).end === 'report') return { ...parsed, raw }
  const message = 'this version installs by report only; ESXi, whose end has to be observed, is not among its targets'
  return { ok: false, faults: [{ path: '/task_target', code: 'enum', message }] }
}
