// Archives of closed histories, and what is left when they are removed: on a real database, checked with other programs too.
import { execFile } from 'node:child_process'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { countSelected, removeArchived, verifyArchive, writeArchive } from '../../../eventstore/archive/archive.ts'
import { readLines } from '../../../eventstore/archive/file.ts'
import { readArchive } from '../../../eventstore/archive/format.ts'
import { createVault } from '../../../eventstore/ledgers/vault.ts'
import { readStream } from '../../../eventstore/log/read.ts'
import { readCheckpoint, readTail } from '../../../eventstore/log/tail.ts'
import { rebuild } from '../../../eventstore/upkeep/rebuild.ts'
import { findTombstone, removeStream, signRemoval, tombstoneKey } from '../../../eventstore/upkeep/tombstones.ts'
import { verifyLog } from '../../../eventstore/upkeep/verify.ts'
import { parseStream, type StreamId, serverStream } from '../../../machines/kinds.ts'
import { storageFolder } from '../../e2e/rig/storage.ts'
import { patience } from '../../rig/patience.ts'
import {
  commit,
  jobAfter,
  openWorld,
  progress,
  registerServer,
  requestJob,
  saveAllPublished,
  successfulRun,
  type World,
} from '../rig/world.ts'

let world: World
let folder: string
let path: string
beforeEach(async () => {
  world = await openWorld()
  folder = await storageFolder()
  path = `${folder}/jobs.jsonl.gz`
})
afterEach(async () => {
  await world.close()
  await rm(folder, { recursive: true, force: true })
})

const checkpoint = 'nats/PROVISIONER'
const key = tombstoneKey(Buffer.alloc(32, 5))
const why = { by: 'principal:test', reason: 'older than a year', key }
const everything = { before: '2999-01-01T00:00:00.000Z' }
const idOf = (stream: StreamId) => parseStream(stream).id
const run = promisify(execFile)

const verify = (trustedKeys = [key.publicKey]) => verifyLog(world.db, { signal: patience(), trustedKeys })

/** Says that the publisher has published all there is. */
const publish = () => saveAllPublished(world)

/** A job that ended, its server released; with more events than a page of the export or of a snapshot where asked. */
async function endedJob({ reports = 0 } = {}): Promise<StreamId> {
  const serial = await registerServer(world)
  const job: StreamId = `job-${await requestJob(world, serial)}`
  await commit(world, job, successfulRun.slice(0, 9))
  if (reports > 0)
    await commit(
      world,
      job,
      Array.from({ length: reports }, (_, index) => progress(index % 100)),
    )
  await commit(world, job, successfulRun.slice(9))
  const data = { job_id: idOf(job), outcome: 'succeeded', cleanup: 'clean', slots: null, power_on: false }
  await commit(world, serverStream(serial), [{ type: 'server.released', data }])
  return job
}

async function countOf(table: string, stream: StreamId): Promise<number> {
  const where = { jobs: `id::text = '${idOf(stream)}'`, sealed: `ref = 'recipe/${idOf(stream)}'` }
  const column = where[table as keyof typeof where] ?? `stream = '${stream}'`
  const [row] = await world.owner.raw.unsafe(`select count(*)::int as count from ${table} where ${column}`)
  return Number(row?.['count'])
}

async function linesOf(file: string): Promise<string[]> {
  return gunzipSync(await readFile(file))
    .toString()
    .trimEnd()
    .split('\n')
}

describe('an archive', () => {
  test('has the closed and published histories of a selection, event by event as they are stored', async () => {
    const jobs = [await endedJob(), await endedJob({ reports: 1200 })]
    await jobAfter(world, 5)
    await publish()
    const late = await endedJob()
    expect(await countSelected(world.db, everything)).toEqual({
      streams: 2,
      events: 2 * 17 + 1200,
      unpublished: 1,
      underWay: 1,
    })
    const written = await writeArchive(world.db, everything, path)
    expect(written).toMatchObject({ streams: 2, events: 2 * 17 + 1200 })
    const read = new Map<StreamId, unknown[]>()
    for await (const item of readArchive(readLines(path))) {
      if (item.kind === 'event') read.set(item.event.stream, [...(read.get(item.event.stream) ?? []), item.event])
      else {
        const stored = await readStream(world.db, item.stream.stream)
        expect(read.get(item.stream.stream)).toEqual(stored.map(({ position: _position, ...event }) => event))
        expect(item.stream.positions).toEqual(stored.map(({ position }) => position))
      }
    }
    expect([...read.keys()]).toEqual(jobs.toSorted())
    expect(read.has(late)).toBe(false)
  })

  test('is of the jobs, the server and the time that were asked for', async () => {
    const jobs = [await endedJob(), await endedJob(), await endedJob()]
    await publish()
    const [one = jobs[0]] = jobs
    if (one === undefined) throw new Error('there is no job')
    const [row] = await world.owner.raw`select server_serial, updated_at from jobs where id = ${idOf(one)}`
    const streams = async (selection: object) => (await countSelected(world.db, selection)).streams
    expect(await streams({ jobIds: [idOf(one)] })).toBe(1)
    expect(await streams({ serial: row?.['server_serial'] })).toBe(1)
    expect(await streams({ before: '2020-01-01T00:00:00.000Z' })).toBe(0)
    expect(await streams({ ...everything, serial: row?.['server_serial'] })).toBe(1)
    const missing = '0199e1d2-7c4e-7a10-8f00-0123456789ab'
    await expect(streams({ jobIds: [missing] })).rejects.toMatchObject({ name: 'NotArchivable' })
  })

  test('is checked by a stranger with jq and sha256sum alone', async () => {
    await endedJob()
    await endedJob()
    await publish()
    const { file_sha256, streams, events } = await writeArchive(world.db, everything, path)
    const readme = await readFile(new URL('../../../README.md', import.meta.url), 'utf8')
    const script = /<!-- archive:[^\n]*-->\n+```sh\n([\s\S]*?)```/.exec(readme)?.[1] ?? 'false'
    const { stdout } = await run('sh', ['-euc', script], { cwd: folder, env: { ...process.env, F: path } })
    expect(stdout).toContain(`${file_sha256}  ${path}`)
    expect(stdout.match(/OK/g)).toHaveLength(3)
    const altered = (await linesOf(path)).map((line) => line.replace('principal:test', 'principal:tesT'))
    await writeFile(`${folder}/altered.gz`, gzipSync(`${altered.join('\n')}\n`))
    const env = { ...process.env, F: `${folder}/altered.gz` }
    const lax = await run('sh', ['-uc', script], { cwd: folder, env }).catch((error: { stdout: string }) => error)
    expect(lax.stdout.match(/OK/g) ?? []).toHaveLength(1)
    expect([streams, events]).toEqual([2, 34])
  })

  test('does not replace a file, and leaves none behind when it fails', async () => {
    const stream = await endedJob()
    await publish()
    await writeFile(path, 'mine')
    await expect(writeArchive(world.db, everything, path)).rejects.toMatchObject({ code: 'EEXIST' })
    expect(await readFile(path, 'utf8')).toBe('mine')
    await unguarded(`update events set actor = 'x' where stream = '${stream}' and version = 3`)
    const other = `${folder}/other.gz`
    await expect(writeArchive(world.db, everything, other)).rejects.toMatchObject({ name: 'NotArchivable' })
    expect(await readdir(folder)).toEqual(['images', 'jobs.jsonl.gz'])
  })

  describe('that was altered is refused at the first line that is not right:', () => {
    test.each<[string, (lines: string[]) => string[], RegExp]>([
      [
        'one letter of an event',
        (l) => lineChanged(l, 4, (x) => x.replace('insecure', 'insecurf')),
        /line 6: job-.* prev_hash/,
      ],
      ['a line that is missing', (l) => l.toSpliced(4, 1), /line 5: job-.* version 4 is missing/],
      ['a line that is there twice', (l) => l.toSpliced(4, 0, l[4] ?? ''), /line 6: job-.* is missing/],
      [
        'an event that is written in another way',
        (l) => lineChanged(l, 3, (x) => ` ${x}`),
        /line 4: .* canonical form/,
      ],
      ['a last event that is missing', (l) => l.toSpliced(17, 1), /line 18: head_hash is not/],
      ['a whole history that is missing', (l) => l.toSpliced(1, 18), /line 20: streams is 2, counted was 1/],
      [
        'another count',
        (l) => lineChanged(l, 18, (x) => x.replace('"events":17', '"events":16')),
        /line 19: events is 16/,
      ],
      ['another position', (l) => lineChanged(l, 18, (x) => x.replace(/"(\d+)"\]/, '"9$1"]')), /line 38: sha256 is/],
      ['another head', (l) => l.with(-1, (l.at(-1) ?? '').replace(/(heads_sha256":")./, '$1z')), /line 38: .*shape/],
      ['an end that is missing', (l) => l.slice(0, -1), /line 38: .*cut off/],
      ['something after the end', (l) => [...l, '{}'], /line 39: there is something after/],
      ['another time of writing', (l) => lineChanged(l, 0, (x) => x.replace('20', '21')), /line 38: sha256 is/],
      ['what is no JSON', (l) => lineChanged(l, 2, () => 'x'), /line 3: it is not a JSON object/],
      [
        'streams in another order',
        (l) => [...l.slice(0, 1), ...l.slice(19, 37), ...l.slice(1, 19), ...l.slice(37)],
        /line 20: .*in order/,
      ],
    ])('%s', async (_what, alter, message) => {
      await endedJob()
      await endedJob()
      await publish()
      await writeArchive(world.db, everything, path)
      const lines = await linesOf(path)
      expect(lines).toHaveLength(1 + 2 * 18 + 1)
      await writeFile(path, gzipSync(`${alter(lines).join('\n')}\n`))
      await expect(verifyArchive(path)).rejects.toThrow(message)
      await expect(removeArchived(world.owner.db, path, why)).rejects.toMatchObject({ name: 'BrokenArchive' })
      expect((await verify()).tombstones).toBe(0)
    })

    test('a file that was cut off, or is none', async () => {
      await endedJob({ reports: 300 })
      await publish()
      await writeArchive(world.db, everything, path)
      const bytes = await readFile(path)
      await writeFile(path, bytes.subarray(0, -200))
      await expect(verifyArchive(path)).rejects.toMatchObject({ name: 'BrokenArchive' })
      await writeFile(path, 'nothing')
      await expect(verifyArchive(path)).rejects.toThrow(/line 1: it cannot be unpacked/)
    })
  })
})

describe('a removal', () => {
  test('takes the history and what derives from it, leaves a signed tombstone and all else as it was', async () => {
    const [gone, kept] = [await endedJob({ reports: 60 }), await endedJob({ reports: 60 })]
    const vault = createVault(world.db, new Uint8Array(32))
    for (const stream of [gone, kept]) await vault.put(`recipe/${idOf(stream)}`, Buffer.from('recipe'))
    await publish()
    const at = await readCheckpoint(world.db, checkpoint)
    const head = (await readStream(world.db, gone)).at(-1)
    const { file_sha256 } = await writeArchive(world.db, { jobIds: [idOf(gone)] }, path)
    expect(await removeArchived(world.owner.db, path, why)).toEqual({ removed: 1, before: 0, refused: [] })
    for (const table of ['events', 'snapshots', 'jobs', 'sealed'])
      expect([table, await countOf(table, gone), await countOf(table, kept)]).toEqual([
        table,
        0,
        table === 'events' ? 77 : 1,
      ])
    expect(await findTombstone(world.db, idOf(gone))).toMatchObject({
      lastVersion: 77,
      headHash: head?.hash,
      archiveSha256: file_sha256,
      removedBy: why.by,
      reason: why.reason,
    })
    expect(await verify()).toMatchObject({ tombstones: 1, faults: [] })
    expect(await readCheckpoint(world.db, checkpoint)).toEqual(at)
    expect(await readTail(world.db, at, 10)).toEqual([])
    const before = await world.owner.raw`select to_jsonb(s) as row from servers s order by serial`
    await rebuild(world.owner.db)
    expect(await world.owner.raw`select to_jsonb(s) as row from servers s order by serial`).toEqual(before)
    expect(await countOf('jobs', gone)).toBe(0)
  })

  test('goes on where another was interrupted', async () => {
    const jobs = [await endedJob(), await endedJob(), await endedJob()]
    await publish()
    const all = `${folder}/all.gz`
    await writeArchive(world.db, { jobIds: jobs.slice(0, 2).map(idOf) }, path)
    await writeArchive(world.db, everything, all)
    expect(await removeArchived(world.owner.db, path, why)).toEqual({ removed: 2, before: 0, refused: [] })
    expect(await removeArchived(world.owner.db, all, why)).toEqual({ removed: 1, before: 2, refused: [] })
    expect(await verify()).toMatchObject({ tombstones: 3, faults: [] })
  })

  test('is refused for a history that went on, that is not published, or whose server it still holds', async () => {
    const [late, ahead, held] = [await endedJob(), await endedJob(), await endedJob()]
    await publish()
    await writeArchive(world.db, everything, path)
    await commit(world, late, [{ type: 'media.read.observed', data: mediaRead }])
    const [server] = await world.owner.raw`select server_serial as serial from jobs where id = ${idOf(held)}`
    await world.owner
      .raw`update servers set view = jsonb_set(view, '{active_job}', to_jsonb(${idOf(held)}::text)) where serial = ${String(server?.['serial'])}`
    await world.owner.raw`update checkpoints set (xid, position) = (select xid, position - 1 from events
      where stream = ${ahead} and version = 17)`
    const { removed, refused } = await removeArchived(world.owner.db, path, why)
    expect(removed).toBe(0)
    const reasons = Object.fromEntries(refused.map(({ stream, reason }) => [stream, reason]))
    expect(reasons[late]).toContain('is not what was archived')
    expect(reasons[ahead]).toContain('is not published yet')
    expect(reasons[held]).toContain('is not closed')
    expect((await verify()).tombstones).toBe(0)
  })

  test('waits for an append that is under way, and is refused then', async () => {
    const stream = await endedJob()
    await publish()
    await writeArchive(world.db, everything, path)
    const [last] = (await readStream(world.db, stream)).slice(-1)
    if (last === undefined) throw new Error('the job has no events')
    const appended = Promise.withResolvers<void>()
    const release = Promise.withResolvers<void>()
    const appending = world.raw.begin(async (tx) => {
      await tx`insert into events (id, stream, version, type, schema_version, data, state_to, machine, machine_version, at, actor, prev_hash, hash)
        values (gen_random_uuid(), ${stream}, ${last.version + 1}, 'report.duplicated', 1, '{}', 'complete', 'job', '1', now(), 'x', ${last.hash}, 'h')`
      appended.resolve()
      await release.promise
    })
    await appended.promise
    const removing = removeArchived(world.owner.db, path, why)
    await waitingForLock()
    release.resolve()
    await appending
    expect((await removing).refused).toMatchObject([
      { stream, reason: expect.stringContaining('not what was archived') },
    ])
    expect(await countOf('events', stream)).toBe(18)
  })

  test('is not possible as the application’s role, nor past the function as the owner', async () => {
    const stream = await endedJob()
    await publish()
    await writeArchive(world.db, everything, path)
    await expect(removeArchived(world.db, path, why)).rejects.toMatchObject({ cause: { code: '42501' } })
    const tombstone = `insert into tombstones (stream, last_version, head_hash, archive_sha256, removed_at, removed_by, reason, key_id, signature)
      values ('${stream}', 17, 'h', repeat('0', 64), now(), 'x', 'x', 'x', 'x')`
    await expect(world.raw.unsafe(tombstone)).rejects.toMatchObject({ code: '42501' })
    await expect(
      world.owner.raw.begin(async (tx) => {
        await tx.unsafe(tombstone)
        await tx`delete from events where stream = ${stream}`
      }),
    ).rejects.toMatchObject({ code: '23001' })
    // Even for the role that the function belongs to, without a tombstone of this transaction.
    await expect(
      world.owner.raw.begin(async (tx) => {
        await tx`set local role provisioner_archivist`
        await tx`delete from events where stream = ${stream}`
      }),
    ).rejects.toMatchObject({ code: '23001' })
    expect(await countOf('events', stream)).toBe(17)
  })

  test.each(['update tombstones set reason = reason', 'delete from tombstones', 'truncate tombstones'])(
    'leaves a tombstone that not even the owner changes by: %s',
    async (statement) => {
      await removedJob()
      await expect(world.owner.raw.unsafe(statement)).rejects.toMatchObject({ code: '23001' })
    },
  )
})

describe('the audit finds', () => {
  test('a history that was removed without a tombstone', async () => {
    const stream = await endedJob()
    await unguarded(`delete from events where stream = '${stream}'`)
    expect((await verify()).faults).toEqual([
      { stream, version: 1, reason: expect.stringContaining('neither events nor a tombstone') },
    ])
  })

  test.each([
    ['stream', `'job-0199e1d2-7c4e-7a10-8f00-0123456789ab'`],
    ['last_version', '16'],
    ['head_hash', `repeat('0', 64)`],
    ['archive_sha256', `repeat('0', 64)`],
    ['removed_at', `removed_at - interval '1 ms'`],
    ['removed_by', `'principal:mallory'`],
    ['reason', `'another'`],
    ['signature', `translate(signature, 'abcdef', 'bcdefa')`],
  ])('a tombstone whose %s was altered', async (column, value) => {
    await removedJob()
    await unguarded(`update tombstones set ${column} = ${value}`)
    const { faults } = await verify()
    expect(faults[0]?.reason).toBe('its tombstone does not have a valid signature: it was forged or altered')
  })

  test('a tombstone that a stranger has signed, unless the stranger is trusted', async () => {
    const stranger = tombstoneKey(Buffer.alloc(32, 6))
    const stream = await removedJob(stranger)
    expect((await verify()).faults).toEqual([
      {
        stream,
        version: 17,
        reason: expect.stringMatching(/signed with key [0-9a-f]{16}, which is not a trusted one/),
      },
    ])
    expect((await verify([key.publicKey, stranger.publicKey])).faults).toEqual([])
  })

  test('events beside a tombstone', async () => {
    const stream = await removedJob()
    await unguarded(`insert into events (id, stream, version, type, schema_version, data, state_to, machine, machine_version, at, actor, hash)
      values (gen_random_uuid(), '${stream}', 1, 'job.requested', 1, '{}', 'queued', 'job', '1', now(), 'x', 'h')`)
    expect((await verify()).faults.map(({ reason }) => reason)).toContain('it has a tombstone, and events all the same')
  })
})

test('a tombstone that was signed long ago is not taken', async () => {
  const stream = await endedJob()
  await publish()
  const head = (await readStream(world.db, stream)).at(-1)
  const statement = { stream, lastVersion: 17, headHash: head?.hash ?? '', archiveSha256: '0'.repeat(64) }
  const old = signRemoval({ ...statement, removedAt: '2026-01-01T00:00:00.000Z', removedBy: 'x', reason: 'x' }, key)
  await expect(removeStream(world.owner.db, old)).rejects.toMatchObject({ name: 'RemovalRefused' })
})

const mediaRead = {
  medium: 'task',
  attempt: 1,
  first_read_at: '2026-03-01T10:02:00.000Z',
  last_read_at: '2026-03-01T10:03:00.000Z',
  highest_offset: 400_000,
  bytes: 400_000,
  requests: 7,
}

async function removedJob(signer = key): Promise<StreamId> {
  const stream = await endedJob()
  await publish()
  await writeArchive(world.db, everything, path)
  expect((await removeArchived(world.owner.db, path, { ...why, key: signer })).removed).toBe(1)
  return stream
}

/** What triggers refuse, as somebody with the superuser's rights can. */
async function unguarded(statement: string): Promise<void> {
  await world.owner.raw.begin(async (tx) => {
    await tx`set local session_replication_role = replica`
    await tx.unsafe(statement)
  })
}

/** Resolves once somebody in this database waits for a lock. */
async function waitingForLock(): Promise<void> {
  for (;;) {
    const [row] = await world.owner.raw`
      select count(*)::int as waiting from pg_locks where not granted and relation = 'events'::regclass`
    if (Number(row?.['waiting']) > 0) return
  }
}

function lineChanged(lines: readonly string[], index: number, change: (line: string) => string): string[] {
  return lines.with(index, change(lines[index] ?? ''))
}
