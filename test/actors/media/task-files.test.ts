import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { taskFiles } from '../../../actors/media/task-files.ts'

const rawRecipe = Buffer.from('{"task_target":"install-linux.target" }\n')
const report = {
  publicUrl: 'http://192.0.2.1:8080/',
  serverSerial: 'SN 1/2',
  jobId: '0199e1d2-7c4e-7a10-8f00-0123456789ab',
  token: 'the-token',
  schemaId: 'urn:example:recipe',
}

function textsOf(recipe: Parameters<typeof taskFiles>[0]['recipe']): ReadonlyMap<string, string> {
  const files = taskFiles({ rawRecipe, recipe, schemaText: '{}', report })
  return new Map(files.map(({ path, bytes }) => [path, new TextDecoder().decode(bytes)]))
}

test('a recipe without payloads has only the files that every task has', () => {
  expect([...textsOf({}).keys()]).toEqual(['/recipe.json', '/recipe.schema.json', '/report.json', '/SHA256SUMS'])
})

test('a Linux recipe brings its cloud-init files, with the job as the instance', () => {
  const texts = textsOf({ user_data: '#cloud-config\n', network_config: 'version: 2\n' })
  expect(texts.get('/user-data')).toBe('#cloud-config\n')
  expect(texts.get('/network-config')).toBe('version: 2\n')
  expect(texts.get('/meta-data')).toBe('instance-id: 0199e1d2-7c4e-7a10-8f00-0123456789ab\n')
  expect(texts.has('/unattend.xml') || texts.has('/ks.cfg')).toBe(false)
})

test('a Windows recipe brings its answer file and an ESXi recipe its kickstart, and no cloud-init', () => {
  const texts = textsOf({ unattend_xml: '<unattend/>', ks_cfg: 'vmaccepteula\n' })
  expect(texts.get('/unattend.xml')).toBe('<unattend/>')
  expect(texts.get('/ks.cfg')).toBe('vmaccepteula\n')
  expect(texts.has('/user-data') || texts.has('/meta-data')).toBe(false)
})

test('an empty payload is a file all the same', () => {
  expect(textsOf({ user_data: '' }).get('/user-data')).toBe('')
})

test('the recipe is kept byte for byte', () => {
  const odd = Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d, 0x0d, 0x0a)
  const [recipe] = taskFiles({ rawRecipe: odd, recipe: {}, schemaText: '{}', report })
  expect(recipe?.bytes).toEqual(odd)
})

test('the report address is complete and names server, job, token and schema', () => {
  expect(JSON.parse(textsOf({}).get('/report.json') ?? '')).toEqual({
    webhook_url: 'http://192.0.2.1:8080/api/v1/status-webhook/SN%201%2F2',
    server_serial: 'SN 1/2',
    job_id: '0199e1d2-7c4e-7a10-8f00-0123456789ab',
    token: 'the-token',
    schema_id: 'urn:example:recipe',
  })
})

test('sha256sum finds every file as the sums say, in the order of names', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'task-files-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  const files = taskFiles({ rawRecipe, recipe: { user_data: 'a', ks_cfg: 'b' }, schemaText: '{}', report })
  await Promise.all(files.map(({ path, bytes }) => writeFile(join(directory, path), bytes)))
  const { stdout } = await promisify(execFile)('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: directory })
  expect(stdout.trim().split('\n')).toEqual([
    'ks.cfg: OK',
    'meta-data: OK',
    'recipe.json: OK',
    'recipe.schema.json: OK',
    'report.json: OK',
    'user-data: OK',
  ])
})
