/** Whatever a recipe holds, and however wrong it is, nothing of its content is repeated. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { summarizeRecipe } from '../../../machines/recipe/digest.ts'
import { parseRecipe } from '../../../machines/recipe/parse.ts'
import { recipeFixture } from './fixture.ts'

/** Not a word of any message, and no hexadecimal that a digest could hold by chance. */
const secret = fc.stringMatching(/^[g-z]{16}$/).map((word) => `S3CR3T-${word}`)

const fields = [
  'user_data',
  'network_config',
  'unattend_xml',
  'ks_cfg',
  'env',
  'metadata',
  'surprise',
  'task_target',
] as const

/** The secret alone, at some depth, as a name inside of content, twice as a name, or in a text that is too long. */
function holding(word: string): fc.Arbitrary<string> {
  const text = JSON.stringify(word)
  return fc.constantFrom(
    text,
    `"rootpw ${word}\\nreboot\\n"`,
    `"${word}\\u0000"`,
    `"${word}${'x'.repeat(1_100_000)}"`,
    `{"A":${text}}`,
    `{"A":"${word}\\n"}`,
    `{"A":{${text}:1,${text}:${text}}}`,
    `{"A":[{"b":"${word}${'x'.repeat(5000)}"}]}`,
    `[${text}]`,
    `[{${text}:"\\ud800"}]`,
    `${text}x`,
    `"${word}`,
    `"${word}\n"`,
    `${'['.repeat(40)}${text}${']'.repeat(40)}`,
  )
}

/** A recipe with the secret in one or more of its fields, as text: some of it is no JSON any more. */
const recipeWithSecret = secret.chain((word) =>
  fc
    .tuple(
      fc.constantFrom('linux' as const, 'windows' as const, 'esxi' as const),
      fc.uniqueArray(fc.tuple(fc.constantFrom(...fields), holding(word)), {
        minLength: 1,
        maxLength: 3,
        selector: ([field]) => field,
      }),
    )
    .map(([name, members]) => {
      const kept = Object.entries(recipeFixture(name)).filter(
        ([field]) => !members.some(([replaced]) => replaced === field),
      )
      const parts = [...kept.map(([field, value]) => [field, JSON.stringify(value)]), ...members]
      return { word, text: `{${parts.map(([field, value]) => `"${field}":${value}`).join(',')}}` }
    }),
)

test('no fault, no warning and no summary repeats what a payload, a value or an unknown field holds', () => {
  const seen = { accepted: 0, refused: 0 }
  fc.assert(
    fc.property(recipeWithSecret, ({ word, text }) => {
      expect(text).toContain(word)
      const result = parseRecipe(text)
      if (result.ok) {
        seen.accepted += 1
        expect(JSON.stringify([result.warnings, summarizeRecipe(result.recipe, text)])).not.toContain(word)
      } else {
        seen.refused += 1
        expect(JSON.stringify(result.faults)).not.toContain(word)
      }
    }),
    { numRuns: 400 },
  )
  expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(5)
})

test('no fault of the refused recipes repeats a value', () => {
  const golden = readFileSync(new URL('../../golden/recipe-faults.json', import.meta.url), 'utf8')
  expect(golden).not.toContain('plain-secret')
})

test('credentials in a reference are refused without being repeated', () => {
  const recipe = {
    task_target: 'x.target',
    oci_url: 'user:S3CR3T@registry.example.com/os:1',
    target_disk: '/dev/S3CR3T',
  }
  const result = parseRecipe(JSON.stringify(recipe))
  expect(result).toMatchObject({ faults: [{ path: '/target_disk' }, { path: '/oci_url' }] })
  expect(JSON.stringify(result)).not.toContain('S3CR3T')
})

test('a name as long as a text is not repeated in a path', () => {
  const result = parseRecipe(JSON.stringify({ task_target: 'x.target', [`S3CR3T${'x'.repeat(100)}`]: 1 }))
  expect(result).toMatchObject({ faults: [{ path: '', code: 'additional_property' }] })
  expect(JSON.stringify(result)).not.toContain('S3CR3T')
})
