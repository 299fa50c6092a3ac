/** What is recorded about a recipe. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { summarizeRecipe } from '../../../machines/recipe/digest.ts'
import { recipeFixture } from './fixture.ts'

function digest(text: string): { bytes: number; sha256: string } {
  const bytes = Buffer.from(text)
  return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
}

test('a Linux recipe is summed up by names, sizes and digests', () => {
  const recipe = recipeFixture('linux')
  const raw = JSON.stringify(recipe)
  expect(summarizeRecipe(recipe, raw)).toEqual({
    schema_version: '1',
    task_target: 'install-linux.target',
    target_disk: '/dev/nvme0n1',
    oci_url: recipe.oci_url,
    firmware_url: null,
    installer_url: null,
    partitions: 3,
    payloads: { user_data: digest(recipe.user_data ?? ''), network_config: digest(recipe.network_config ?? '') },
    env_names: ['HTTPS_PROXY', 'NO_PROXY'],
    raw: digest(raw),
  })
})

test('text and its bytes have one summary, which is plain JSON', () => {
  const recipe = recipeFixture('esxi')
  const raw = `${JSON.stringify(recipe)}é`
  const summary = summarizeRecipe(recipe, raw)
  expect(summarizeRecipe(recipe, Buffer.from(raw))).toEqual(summary)
  expect(JSON.parse(JSON.stringify(summary))).toEqual(summary)
})

test.each([
  ['https://user:word@files.example.com/a@b.bin', 'https://files.example.com/a@b.bin'],
  ['https://word@files.example.com:8443/a.bin?sig=word#word', 'https://files.example.com:8443/a.bin'],
  ['http://files.example.com?sig=word', 'http://files.example.com'],
])('the URL %s is recorded as %s', (url, recorded) => {
  const summary = summarizeRecipe({ task_target: 'x.target', firmware_url: url, installer_url: url }, '{}')
  expect(summary).toMatchObject({ firmware_url: recorded, installer_url: recorded })
})

test('an OCI reference loses user and password and keeps its digest', () => {
  const reference = `registry.example.com:5000/os:1@sha256:${'a'.repeat(64)}`
  const oci_url = (url: string) => summarizeRecipe({ task_target: 'x.target', oci_url: url }, '{}').oci_url
  expect(oci_url(reference)).toBe(reference)
  expect(oci_url(`user:word@${reference}`)).toBe(reference)
  expect(oci_url(`oci://user:word@${reference}`)).toBe(`oci://${reference}`)
})
