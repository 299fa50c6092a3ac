/**
 * A recipe as it was sent becomes a `Recipe`, or the list of all its faults. In order: the text (json-text.ts), the
 * schema (recipe.schema.json, worded by schema-faults.ts), the rules that a schema cannot say (rules.ts), and for an
 * accepted recipe the warnings (warnings.ts).
 */
import { Ajv } from 'ajv'
import { decodeJsonText, scanJson } from './json-text.ts'
import { ruleFaults } from './rules.ts'
import { recipeSchema } from './schema.ts'
import { schemaFaults } from './schema-faults.ts'
import type { Fault, Recipe, Warning } from './types.ts'
import { lintRecipe } from './warnings.ts'

export type ParsedRecipe =
  | { readonly ok: true; readonly recipe: Recipe; readonly warnings: readonly Warning[] }
  | { readonly ok: false; readonly faults: readonly Fault[] }

/**
 * `bytesMax` is that of the task ISO (spec/media.md). An accepted recipe has far fewer values than `valuesMax`; more
 * would only cost memory before the refusal.
 */
export const recipeLimits = { bytesMax: 10 * 1024 * 1024, depthMax: 32, valuesMax: 10_000 } as const

/** A bound for a list that people read; one more fault gives the number of those left out. */
const faultsMax = 100

// `verbose` gives the schema around a failure, whose description words the fault.
const validate = new Ajv({ allErrors: true, strict: true, strictRequired: true, verbose: true }).compile<Recipe>(
  recipeSchema,
)

/**
 * Reads a recipe from the bytes or the text in which it was sent. It changes nothing: a caller that keeps `raw` keeps
 * the recipe that was judged. It throws for no content of `raw` and lists all faults at once. Faults and warnings hold
 * no value of the recipe (spec/recipe.md).
 */
export function parseRecipe(raw: string | Uint8Array): ParsedRecipe {
  const decoded = decodeJsonText(raw, recipeLimits.bytesMax)
  if ('fault' in decoded) return { ok: false, faults: [decoded.fault] }
  const scan = scanJson(decoded.text, recipeLimits)
  if (!scan.ok) return { ok: false, faults: [scan.fault] }
  const value: unknown = JSON.parse(decoded.text)
  const faults = [...scan.faults, ...ruleFaults(value)]
  if (validate(value) && faults.length === 0) return { ok: true, recipe: value, warnings: lintRecipe(value) }
  return { ok: false, faults: listed([...schemaFaults(validate.errors ?? []), ...faults]) }
}

/** One fault per place and code, as many as a list may have. */
function listed(faults: readonly Fault[]): Fault[] {
  const distinct = new Map<string, Fault>()
  for (const fault of faults) {
    const key = `${fault.code} ${fault.path}`
    if (!distinct.has(key)) distinct.set(key, fault)
  }
  const all = [...distinct.values()]
  if (all.length <= faultsMax) return all
  const message = `has ${all.length - faultsMax} more faults that are not listed`
  return [...all.slice(0, faultsMax), { path: '', code: 'more_faults', message }]
}
