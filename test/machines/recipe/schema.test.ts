/** The schema file as other programs meet it: alone, with nothing of ours around it. */
import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseRecipe } from '../../../machines/recipe/parse.ts'
import { recipeSchema, recipeSchemaId, recipeSchemaText } from '../../../machines/recipe/schema.ts'
import type { FaultCode } from '../../../machines/recipe/types.ts'
import { anyRecipe } from './arbitrary.ts'

const file = JSON.parse(
  readFileSync(new URL('../../../machines/recipe/recipe.schema.json', import.meta.url), 'utf8'),
) as object

const strictest = { strict: true, strictTypes: true, strictTuples: true, strictRequired: true } as const

test('the schema file compiles alone, without formats or keywords of ours, as strictly as Ajv can', () => {
  expect(() => new Ajv({ ...strictest, allErrors: true }).compile(file)).not.toThrow()
})

test('the schema is draft-07 and refers to nothing outside itself', () => {
  expect(recipeSchema.$schema).toBe('http://json-schema.org/draft-07/schema#')
  const references = [...recipeSchemaText.matchAll(/"\$ref": "([^"]*)"/g)].map(([, reference]) => reference)
  expect(references).not.toHaveLength(0)
  for (const reference of references) expect(reference).toMatch(/^#\/definitions\//)
})

test('the name of the schema is the one that was released', () => {
  expect(recipeSchemaId).toBe('https://provisioner.dev/schemas/recipe/v1/recipe.schema.json')
})

test('the text for the task ISO is the file, written the same way each time', () => {
  expect(JSON.parse(recipeSchemaText)).toEqual(file)
  expect(recipeSchemaText).toBe(`${JSON.stringify(file, null, 2)}\n`)
})

test('every string, array and object of the schema has a limit', () => {
  const unlimited: string[] = []
  const visit = (node: unknown, path: string): void => {
    if (typeof node !== 'object' || node === null) return
    const schema = node as { readonly [keyword: string]: unknown }
    const limited =
      (schema['type'] === 'string' && ('maxLength' in schema || 'enum' in schema)) ||
      (schema['type'] === 'array' && 'maxItems' in schema) ||
      (schema['type'] === 'object' && ('maxProperties' in schema || schema['additionalProperties'] === false)) ||
      (schema['type'] === 'integer' && 'maximum' in schema) ||
      typeof schema['type'] !== 'string'
    if (!limited && !path.endsWith('/if')) unlimited.push(path)
    for (const [name, child] of Object.entries(schema)) visit(child, `${path}/${name}`)
  }
  visit(file, '#')
  // A label's limit depends on the format: 11 for vfat, 32 otherwise, in `then` and `else`.
  expect(unlimited).toEqual(['#/definitions/partition/properties/label'])
})

/** What the schema cannot say: json-text.ts and rules.ts. */
const beyondTheSchema: readonly FaultCode[] = [
  'too_large',
  'too_deep',
  'too_many_values',
  'duplicate_key',
  'bad_character',
  'too_long',
  'rest_not_last',
  'percent_sum',
  'duplicate_mountpoint',
]

test('what parseRecipe accepts the schema alone accepts, and what it refuses the schema refuses but for the rules', () => {
  const plain = new Ajv().compile(file)
  const seen = { accepted: 0, refusedByRules: 0, refused: 0 }
  fc.assert(
    fc.property(anyRecipe, (recipe) => {
      const result = parseRecipe(JSON.stringify(recipe))
      const acceptedAlone = plain(recipe)
      if (result.ok) {
        seen.accepted += 1
        expect(acceptedAlone).toBe(true)
        expect(result.recipe).toEqual(recipe)
      } else if (acceptedAlone) {
        seen.refusedByRules += 1
        expect(beyondTheSchema).toEqual(expect.arrayContaining(result.faults.map(({ code }) => code)))
        expect(result.faults).not.toHaveLength(0)
      } else {
        seen.refused += 1
        expect(result.faults).not.toHaveLength(0)
      }
    }),
    { numRuns: 600 },
  )
  // A property over recipes that all end the same way would prove nothing.
  expect(Math.min(seen.accepted, seen.refusedByRules, seen.refused)).toBeGreaterThan(5)
})
