/** What becomes of a recipe, from its bytes to the verdict. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseRecipe, recipeLimits } from '../../../machines/recipe/parse.ts'
import { custom, faults } from './faults.ts'
import { recipeBytes, recipeFixture, recipeNames } from './fixture.ts'

const refused = new URL('../../fixtures/recipes/bad/', import.meta.url)
const golden = new URL('../../golden/recipe-faults.json', import.meta.url)

test.each(recipeNames)('the %s recipe is accepted as it was sent, without a warning', (name) => {
  const bytes = recipeBytes(name)
  const result = parseRecipe(bytes)
  expect(result).toEqual({ ok: true, recipe: JSON.parse(bytes.toString()), warnings: [] })
  expect(parseRecipe(bytes.toString())).toEqual(result)
})

test('the faults of the refused recipes are the recorded ones (UPDATE_GOLDEN=1 records them anew)', () => {
  const found = Object.fromEntries(
    readdirSync(refused)
      .sort()
      .map((name) => [name, parseRecipe(readFileSync(new URL(name, refused)))]),
  )
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, `${JSON.stringify(found, null, 2)}\n`)
  expect(found).toEqual(JSON.parse(readFileSync(golden, 'utf8')))
})

describe('everything has a limit', () => {
  test.each([
    ['user_data', 1024 * 1024],
    ['unattend_xml', 1024 * 1024],
    ['network_config', 256 * 1024],
    ['ks_cfg', 256 * 1024],
  ])('%s has %i bytes at most, however they are spread over characters', (field, bytesMax) => {
    expect(faults(custom({ [field]: 'x'.repeat(bytesMax) }))).toEqual([])
    expect(faults(custom({ [field]: 'x'.repeat(bytesMax + 1) }))).toEqual([[`/${field}`, 'too_long']])
    expect(faults(custom({ [field]: 'é'.repeat(bytesMax / 2) }))).toEqual([])
    expect(faults(custom({ [field]: 'é'.repeat(bytesMax / 2 + 1) }))).toEqual([[`/${field}`, 'too_long']])
  })

  test('env and metadata are bounded in count and size', () => {
    const names = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`N${at}`, '']))
    expect(faults(custom({ env: names(64), metadata: names(64) }))).toEqual([])
    expect(faults(custom({ env: names(65), metadata: names(65) }))).toEqual([
      ['/env', 'too_many'],
      ['/metadata', 'too_many'],
    ])
    expect(faults(custom({ env: { A: 'x'.repeat(4097) } }))).toEqual([['/env/A', 'too_long']])
    expect(faults(custom({ metadata: { a: { b: ['x'.repeat(4097)] } } }))).toEqual([['/metadata/a', 'too_long']])
    expect(faults(custom({ metadata: { a: Array(17).fill('x'.repeat(4000)) } }))).toEqual([['/metadata', 'too_large']])
  })

  test('a text that is far too long is refused for its length alone', () => {
    const long = (start: string) => start.padEnd(1_000_000, 'a/')
    expect(
      faults(
        custom({ oci_url: long('h/'), partition_layout: [{ size: '1M', type_guid: '8300', mountpoint: long('/') }] }),
      ),
    ).toEqual([
      ['/oci_url', 'too_long'],
      ['/partition_layout/0/mountpoint', 'too_long'],
    ])
  })

  test('a recipe larger than 10 MiB is refused unread', () => {
    expect(parseRecipe(new Uint8Array(recipeLimits.bytesMax + 1))).toMatchObject({ faults: [{ code: 'too_large' }] })
    expect(parseRecipe('é'.repeat(recipeLimits.bytesMax / 2 + 1))).toMatchObject({ faults: [{ code: 'too_large' }] })
  })

  test('a recipe nested deeper or with more values than any real one is refused', () => {
    const nested = `{"metadata":${'['.repeat(100_000)}`
    expect(parseRecipe(nested)).toMatchObject({ faults: [{ path: '/metadata/0', code: 'too_deep' }] })
    expect(faults(custom({ partition_layout: Array(20_000).fill(0) }))).toEqual([['', 'too_many_values']])
  })

  test('a list of faults has an end that says how many more there are', () => {
    const unknown = Object.fromEntries(Array.from({ length: 150 }, (_, at) => [`field${at}`, 0]))
    const result = parseRecipe(JSON.stringify(custom(unknown)))
    expect(result).toMatchObject({ ok: false })
    const found = result.ok ? [] : result.faults
    expect(found).toHaveLength(101)
    expect(found.at(-1)).toEqual({ path: '', code: 'more_faults', message: 'has 50 more faults that are not listed' })
  })
})

describe('the text is judged before the value', () => {
  test.each([
    ['nothing', ''],
    ['half an object', '{"task_target":'],
    ['a byte order mark', '\uFEFF{"task_target":"custom.target"}'],
    ['two values', '{"task_target":"custom.target"} {}'],
    ['YAML', 'task_target: custom.target'],
  ])('%s is no JSON', (_, text) => {
    expect(parseRecipe(text)).toMatchObject({ ok: false, faults: [{ path: '', code: 'invalid_json' }] })
    expect(parseRecipe(Buffer.from(text))).toEqual(parseRecipe(text))
  })

  test('bytes or text that have no UTF-8 are refused', () => {
    expect(parseRecipe(Buffer.from('{"task_target":"\xff"}', 'latin1'))).toMatchObject({
      faults: [{ code: 'invalid_utf8' }],
    })
    expect(parseRecipe('{"task_target":"\ud800"}')).toMatchObject({ faults: [{ code: 'invalid_utf8' }] })
  })

  test('a value that is no object is refused as a whole', () => {
    expect(faults([])).toEqual([['', 'type']])
    expect(faults(null)).toEqual([['', 'type']])
  })

  test('a name given twice is a fault beside all the others', () => {
    const text = '{"task_target":"custom.target","task_target":"other.target","wim_index":0}'
    expect(parseRecipe(text)).toMatchObject({
      faults: [
        { path: '/wim_index', code: 'too_small' },
        { path: '/task_target', code: 'duplicate_key' },
      ],
    })
  })

  test('a character that no database stores is a fault', () => {
    expect(faults(custom({ user_data: 'a\0b', metadata: { a: '\ud800' } }))).toEqual([
      ['/user_data', 'bad_character'],
      ['/metadata/a', 'bad_character'],
    ])
  })
})

test('the dispatcher names are reserved, in the schema itself', () => {
  const reserved = [
    'TASK_TARGET',
    'TARGET_DISK',
    'OCI_URL',
    'FIRMWARE_URL',
    'WIM_INDEX',
    'SERIAL_NUMBER',
    'WEBHOOK_URL',
    'JOB_ID',
  ]
  const env = Object.fromEntries(reserved.map((name) => [name, '']))
  expect(faults(custom({ env }))).toEqual(reserved.map((name) => [`/env/${name}`, 'reserved_name']))
})

test('faults of the text, of the schema and of the rules are all told at once', () => {
  const recipe = { ...recipeFixture('linux'), target_disk: '/dev/sda1', env: { JOB_ID: '' } }
  const layout = [
    { size: '100%', type_guid: '8300' },
    { size: '100%', type_guid: '8300' },
  ]
  const text = JSON.stringify({ ...recipe, partition_layout: layout }).replace('{', '{"metadata":{},')
  const result = parseRecipe(text)
  expect(result.ok ? [] : result.faults.map(({ path, code }) => `${path} ${code}`).sort()).toEqual([
    '/env/JOB_ID reserved_name',
    '/metadata duplicate_key',
    '/partition_layout/0/size rest_not_last',
    '/target_disk pattern',
  ])
})
