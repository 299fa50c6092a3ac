// A way to the database that swallows what is sent: no connection ends, and no answer comes.
import { v7 as uuidv7 } from 'uuid'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { createRuntime } from '../../../actors/runtime.ts'
import { readStream } from '../../../eventstore/log/read.ts'
import { beginning, readTail } from '../../../eventstore/log/tail.ts'
import { connect } from '../../../eventstore/postgres/database.ts'
import { createSessionLock, LockLost } from '../../../eventstore/postgres/session-lock.ts'
import { verifyLog } from '../../../eventstore/upkeep/verify.ts'
import { openLine } from '../../rig/line.ts'
import { patience } from '../../rig/patience.ts'
import { commit, jobAfter, openWorld, progress, type World } from '../rig/world.ts'

/** Longer than any statement of these tests takes on a busy machine. */
const silenceTimeoutMs = 3000

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

async function controllerOnALine() {
  const line = await openLine(world.url)
  const connections = connect({ url: line.url, poolMax: 2, silenceTimeoutMs })
  onTestFinished(async () => {
    // Closed first: the swallowed connections would wait for the goodbye of their server.
    await line.close()
    await connections.close()
  })
  return { line, ...connections }
}

test('what is asked on it is rejected, and answered again when the way is back', async () => {
  const { line, db, raw } = await controllerOnALine()
  await Promise.all([readTail(db, beginning, 1), raw`select 1`])
  line.swallow('everything')
  const asked = await Promise.allSettled([
    readTail(db, beginning, 1),
    raw`select 1`,
    db.transaction((tx) => readTail(tx, beginning, 1)),
    // More than there are connections: some are opened only now.
    ...Array.from({ length: 8 }, () => raw`select 1`),
  ])
  const causes = asked.map((one) => one.status === 'rejected' && String(one.reason.cause ?? one.reason))
  expect(causes[1]).toContain('CONNECTION_SILENT')
  for (const cause of causes) expect(cause).toMatch(/CONNECTION_SILENT|CONNECT_TIMEOUT|CONNECTION_CLOSED/)
  line.restore()
  await expect.poll(() => raw`select 1 as n`.then(([row]) => row?.['n'], String)).toBe(1)
  await expect.poll(() => readTail(db, beginning, 1).then(() => 'read', String)).toBe('read')
})

test('a server that answers, if slowly, is not given up', async () => {
  const { raw } = await controllerOnALine()
  const each = (silenceTimeoutMs * 0.6) / 1000
  // Three connections: six statements wait for the one before them for longer than the limit.
  const answers = await Promise.all(Array.from({ length: 9 }, (_, n) => raw`select ${n}::int as n, pg_sleep(${each})`))
  expect(answers.map(([row]) => row?.['n'])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
})

test('an append whose answer never arrives is found to be stored, and is stored once', async () => {
  const { line, db } = await controllerOnALine()
  let beforeAppend = () => {}
  const runtime = createRuntime({ db, nextId: uuidv7, onSeam: () => beforeAppend() })
  const stream = await jobAfter(world, 9)
  // A connection that has prepared the statement sends all of it at once.
  await commit({ runtime }, stream, [progress(0)])
  beforeAppend = () => line.swallow('answers')
  const appended = commit({ runtime }, stream, [progress(1)])
  // It is committed, and nobody on this side knows.
  await expect.poll(async () => (await readStream(world.db, stream)).length).toBe(12)
  beforeAppend = () => {}
  line.restore()
  const [event] = await appended
  const history = await readStream(world.db, stream)
  expect(history).toHaveLength(12)
  expect(history.at(-1)?.id).toBe(event?.id)
  const { faults } = await verifyLog(world.db, { signal: patience() })
  expect(faults).toEqual([])
})

test('a lock behind it is lost, and another session gets it', async () => {
  const { line, raw } = await controllerOnALine()
  const lock = createSessionLock(raw, 'test')
  const other = createSessionLock(world.raw, 'test')
  const held = await lock.acquire()
  if (held === null) throw new Error('the lock is free')
  expect(await other.acquire()).toBeNull()
  line.swallow('everything')
  // Postgres hears nothing of the holder: it ends the session, as it does to one whose process was stopped.
  await expect.poll(async () => (await other.acquire()) !== null).toBe(true)
  await expect.poll(() => held.aborted).toBe(true)
  expect(held.reason).toBeInstanceOf(LockLost)
  await other.release()
  line.restore()
  await expect.poll(() => lock.acquire().then((signal) => signal !== null, String)).toBe(true)
  await lock.release()
  await Promise.all([lock.close(), other.close()])
})
