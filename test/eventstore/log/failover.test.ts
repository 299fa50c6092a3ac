// A primary that dies under load, and its synchronous standby promoted: nothing that was acknowledged is lost.
import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { sql } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import { expect, inject, onTestFinished, test } from 'vitest'
import { createRuntime } from '../../../actors/runtime.ts'
import { startPostgres } from '../../../deploy/local/postgres.ts'
import { beginning, readTail } from '../../../eventstore/log/tail.ts'
import { connect } from '../../../eventstore/postgres/database.ts'
import { migrate } from '../../../eventstore/postgres/migrate.ts'
import { verifyLog } from '../../../eventstore/upkeep/verify.ts'
import { patience } from '../../rig/patience.ts'
import { commit, jobAfter, progress } from '../rig/world.ts'

const execute = promisify(execFile)

/** A migrated primary that acknowledges only what its standby has, that standby, and the address of whichever is primary. */
async function openCluster() {
  const signal = patience()
  const root = await mkdtemp(join(inject('runDir'), 'failover-'))
  await chmod(root, 0o711)
  const [primaryDir, standbyDir] = [join(root, 'primary'), join(root, 'standby')]
  const first = await startPostgres({ dataDir: primaryDir, signal })
  await migrate(first.url)
  await first.stop()
  // A server that was stopped can be copied as it is; this keeps owners and modes.
  await execute('cp', ['-a', primaryDir, standbyDir])
  await writeFile(join(standbyDir, 'cluster', 'standby.signal'), '')
  const primary = await startPostgres({
    dataDir: primaryDir,
    settings: { synchronous_standby_names: 'standby' },
    signal,
  })
  const { port, password } = new URL(primary.url)
  const from = `host=127.0.0.1 port=${port} user=postgres password=${password} application_name=standby`
  const standby = await startPostgres({ dataDir: standbyDir, settings: { primary_conninfo: from }, signal })
  const others = connect({ url: standby.url, poolMax: 1, asApplication: false })
  onTestFinished(async () => {
    await others.close()
    await Promise.all([primary.stop(), standby.stop()])
  })
  const [pid = ''] = (await readFile(join(primaryDir, 'cluster', 'postmaster.pid'), 'utf8')).split('\n')
  const hosts = `127.0.0.1:${port},127.0.0.1:${new URL(standby.url).port}`
  return {
    url: `postgres://postgres:${password}@${hosts}/provisioner?target_session_attrs=primary`,
    standbyPort: Number(new URL(standby.url).port),
    /** As a crash: nothing is written or said any more. */
    crashPrimary: () => process.kill(Number(pid), 'SIGQUIT'),
    promote: () => others.raw`select pg_promote()`,
  }
}

test('appends go on at the promoted standby, and every acknowledged event is there, in the order of the tail', async () => {
  const { url, standbyPort, crashPrimary, promote } = await openCluster()
  const { db, close } = connect({ url, poolMax: 4 })
  onTestFinished(close)
  const runtime = createRuntime({ db, nextId: uuidv7 })
  const streams = await Promise.all(Array.from({ length: 4 }, () => jobAfter({ runtime }, 9)))
  const acknowledged: string[] = []
  const writing = new AbortController()
  const writers = streams.map(async (stream) => {
    while (!writing.signal.aborted) {
      try {
        const [event] = await commit({ runtime }, stream, [progress(acknowledged.length % 100)])
        acknowledged.push(event?.id ?? '')
      } catch (error) {
        // While there is no primary, reading fails at once.
        expect(String(error)).toMatch(/Failed query|CONN/)
      }
    }
  })
  const more = async (count: number) => {
    const wanted = acknowledged.length + count
    await expect.poll(() => acknowledged.length).toBeGreaterThan(wanted)
  }
  await more(50)
  const before = (await readTail(db, beginning, 1000)).at(-1)?.checkpoint ?? beginning
  crashPrimary()
  await promote()
  await more(50)
  writing.abort()
  await Promise.all(writers)

  const tail = await readTail(db, beginning, 100_000)
  const ids = new Set(tail.map(({ event }) => event.id))
  expect(acknowledged.filter((id) => !ids.has(id))).toEqual([])
  const after = await readTail(db, before, 100_000)
  expect(after.length).toBeGreaterThan(50)
  // What a subscriber had seen comes first, and nothing of it again.
  expect(tail.slice(-after.length)).toEqual(after)
  for (const stream of streams) {
    const versions = tail.filter(({ event }) => event.stream === stream).map(({ event }) => event.version)
    expect(versions).toEqual(versions.map((_, index) => index + 1))
  }
  expect((await verifyLog(db, { signal: patience() })).faults).toEqual([])
  const [session] = await db.execute<{ port: number }>(sql`select inet_server_port() as port`)
  expect(session?.port).toBe(standbyPort)
})
