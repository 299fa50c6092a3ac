// `provisioner archive`: written, verified, shown, removed, killed in the middle, audited. What is killed and what ends with
// an error of its own runs as the program that people start; the rest in this process, without two seconds for each start.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { archiveCommands } from '../../../deploy/cli/archive.ts'
import { auditCommands } from '../../../deploy/cli/database.ts'
import { serverStream } from '../../../machines/kinds.ts'
import { storageFolder } from '../../e2e/rig/storage.ts'
import {
  commit,
  jobAfter,
  openWorld,
  registerServer,
  requestJob,
  saveAllPublished,
  successfulRun,
  type World,
} from '../../eventstore/rig/world.ts'
import { patienceMs } from '../../rig/patience.ts'
import { processEnv } from '../../rig/process-env.ts'
import { type Ended, runCommands } from './terminal.ts'

let world: World
let folder: string
beforeEach(async () => {
  world = await openWorld()
  folder = await storageFolder()
})
afterEach(async () => {
  await world.close()
  await rm(folder, { recursive: true, force: true })
})

const program = resolve(import.meta.dirname, '../../../deploy/cli.ts')
const secretsKey = Buffer.alloc(32, 3).toString('base64')
const whenever = ['--before', '2999-01-01T00:00:00Z']

function environment(secrets: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...processEnv, DATABASE_URL: world.url, STORAGE_ROOT: folder, ...secrets }
}

/** As the program does, with paths in the folder. */
async function run(words: readonly string[], secrets: NodeJS.ProcessEnv = { SECRETS_KEY: secretsKey }): Promise<Ended> {
  const before = process.cwd()
  process.chdir(folder)
  for (const [name, value] of Object.entries({ SECRETS_KEY: undefined, ...environment(secrets) }))
    vi.stubEnv(name, value)
  try {
    return await runCommands(words, (program, isJson) => {
      archiveCommands(program, isJson)
      auditCommands(program, isJson)
    })
  } finally {
    vi.unstubAllEnvs()
    process.chdir(before)
  }
}

function runProgram(
  words: readonly string[],
  secrets: NodeJS.ProcessEnv = { SECRETS_KEY: secretsKey },
): Promise<Ended> {
  const options = { cwd: folder, env: environment(secrets), timeout: patienceMs }
  return new Promise((done, reject) => {
    execFile(process.execPath, [program, ...words], options, (error, text, errors) => {
      if (error !== null && typeof error.code !== 'number') return reject(error)
      done({ status: Number(error?.code ?? 0), text: stripVTControlCharacters(text), errors })
    })
  })
}

async function endedJob(): Promise<string> {
  const serial = await registerServer(world)
  const jobId = await requestJob(world, serial)
  await commit(world, `job-${jobId}`, successfulRun)
  const data = { job_id: jobId, outcome: 'succeeded', cleanup: 'clean', slots: null, power_on: false }
  await commit(world, serverStream(serial), [{ type: 'server.released', data }])
  return jobId
}

const countOf = async (table: 'tombstones' | 'jobs') => {
  const [row] = await world.owner.raw.unsafe(`select count(*)::int as count from ${table}`)
  return Number(row?.['count'])
}

test('jobs are counted, written, verified, shown and removed; an auditor needs the public key only', async () => {
  const jobId = await endedJob()
  await endedJob()
  await jobAfter(world, 3)
  await saveAllPublished(world)
  const dry = await run(['archive', ...whenever, '--dry-run'])
  expect(dry.text).toBe(
    '34 events of 2 jobs would be archived\nleft: 0 complete jobs are not published to NATS yet, 1 jobs are under way\n',
  )

  const written = await runProgram(['archive', jobId, '--output', 'one.gz', '--json'])
  expect([written.status, written.errors]).toEqual([0, ''])
  const { file_sha256 } = JSON.parse(written.text)
  expect(JSON.parse(written.text)).toMatchObject({ file: 'one.gz', streams: 1, events: 17, unpublished: 0 })
  expect((await run(['archive', 'verify', 'one.gz'])).text).toContain('17 events in 1 streams: the archive is intact')
  expect((await run(['archive', 'show', 'one.gz'])).text).toMatch(new RegExp(`^${jobId} +17 events {2}[0-9a-f]{64}\n$`))
  const shown = await run(['archive', 'show', 'one.gz', jobId])
  expect(shown.text).toContain('17 events replay to the states that were recorded; hashes hold')
  expect(await countOf('jobs')).toBe(3)

  const removed = await run(['archive', 'remove', 'one.gz', '--reason', 'older than a year', '--by', 'principal:alice'])
  expect([removed.status, removed.errors]).toEqual([0, ''])
  const [tombstone] = await world.owner.raw`select * from tombstones`
  expect(tombstone).toMatchObject({
    archive_sha256: file_sha256,
    removed_by: 'principal:alice',
    reason: 'older than a year',
  })
  expect(await countOf('jobs')).toBe(2)

  expect((await run(['audit', 'verify'])).text).toMatch(/1 tombstones: the log is intact/)
  const stranger = await runProgram(['audit', 'verify'], {})
  expect([stranger.status, stranger.text]).toEqual([1, expect.stringContaining('which is not a trusted one')])
  await writeFile(`${folder}/key.pem`, (await run(['archive', 'public-key'])).text)
  const auditor = await run(['audit', 'verify', '--public-key', 'key.pem'], {})
  expect([auditor.status, auditor.text]).toEqual([0, expect.stringContaining('the log is intact')])
})

test('a removal that was killed in the middle leaves whole histories or tombstones, and is gone on with', async () => {
  const jobs: string[] = []
  for (let index = 0; index < 5; index += 1) jobs.push(await endedJob())
  await saveAllPublished(world)
  const [, , third = ''] = jobs.toSorted()
  const held = Promise.withResolvers<void>()
  const letGo = Promise.withResolvers<void>()
  // The removal of the third waits for this row when it has its tombstone and has deleted its events.
  const holding = world.owner.raw.begin(async (tx) => {
    await tx`select from jobs where id = ${third} for update`
    held.resolve()
    await letGo.promise
  })
  await held.promise
  const words = ['archive', ...whenever, '--output', 'all.gz', '--remove', '--reason', 'old']
  const child = spawn(process.execPath, [program, ...words], {
    cwd: folder,
    env: environment({ SECRETS_KEY: secretsKey }),
    stdio: 'ignore',
  })
  await untilWaiting(child)
  expect(await countOf('tombstones')).toBe(2)
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect((await run(['audit', 'verify'])).status).toBe(0)
  letGo.resolve()
  await holding
  const again = await runProgram(words)
  expect([again.status, again.errors]).toEqual([2, expect.stringContaining('"archive remove" continues')])
  const rest = await run(['archive', 'remove', 'all.gz', '--reason', 'old', '--json'])
  const { removed, before, refused } = JSON.parse(rest.text)
  // The third's statement was in the server's hands already, which may have gone on with it.
  expect([removed + before, refused, [2, 3].includes(before)]).toEqual([5, [], true])
  expect([await countOf('tombstones'), await countOf('jobs')]).toEqual([5, 0])
  expect((await run(['audit', 'verify'])).text).toMatch(/5 tombstones: the log is intact/)
})

test('what cannot be done is said', async () => {
  const jobId = await endedJob()
  const unpublished = await run(['archive', jobId, '--output', 'x.gz'])
  expect(unpublished.errors).toContain('1 complete jobs are not published to NATS yet')
  await saveAllPublished(world)
  expect((await run(['archive', '--output', 'x.gz'])).errors).toContain('give job ids, --serial or --before')
  expect((await run(['archive', jobId])).errors).toContain('--output is missing')
  expect((await run(['archive', 'x', '--dry-run'])).errors).toContain('a job id is a UUID')
  expect((await run(['archive', jobId, '--output', 'x.gz', '--remove'])).errors).toContain('--remove needs --reason')
  const keyless = await run(['archive', jobId, '--output', 'x.gz', '--remove', '--reason', 'old'], {})
  expect(keyless.errors).toContain('there is no key to sign with')
  expect(await countOf('tombstones')).toBe(0)
  const lines = gunzipSync(await readFile(`${folder}/x.gz`)).toString()
  await writeFile(`${folder}/x.gz`, gzipSync(lines.replace('principal:test', 'principal:mall')))
  const broken = await runProgram(['archive', 'verify', 'x.gz'])
  expect([broken.status, broken.errors]).toEqual([
    1,
    expect.stringMatching(/^provisioner: line 3: .* prev_hash is not the hash/),
  ])
})

/** Resolves once the program waits for a row in the database. @throws Error when it ended before. */
async function untilWaiting(child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    const [row] = await world.owner.raw`
      select count(*)::int as waiting from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock' and query like '%remove_archived_stream%'`
    if (Number(row?.['waiting']) > 0) return
  }
  throw new Error('the program ended before it came to what it was to wait for')
}
