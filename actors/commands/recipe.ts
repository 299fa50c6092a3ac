/** Accepts a recipe for a job: a valid one, for a target that this version installs. */
import { targetOf } from '../../machines/job/targets.ts'
import { type ParsedRecipe, parseRecipe } from '../../machines/recipe/parse.ts'

/** An accepted recipe, and the bytes that the operator sent. */
export type AcceptedRecipe = Extract<ParsedRecipe, { readonly ok: true }> & { readonly raw: Uint8Array }
type RefusedRecipe = Extract<ParsedRecipe, { readonly ok: false }>

/** Parses a recipe; answers every fault of an unacceptable one. */
export function readRecipe(raw: Uint8Array): AcceptedRecipe | RefusedRecipe {
  const parsed = parseRecipe(raw)
  if (!parsed.ok) return parsed
  if (targetOf(parsed.recipe.task_target).end === 'report') return { ...parsed, raw }
  const message = 'this version installs by report only; ESXi, whose end has to be observed, is not among its targets'
  return { ok: false, faults: [{ path: '/task_target', code: 'enum', message }] }
}
