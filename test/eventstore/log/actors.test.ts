/** Loaded actors are the ones that a replay from the first event gives, whatever is kept or remembered of them. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Actor, loadActors } from '../../../eventstore/log/actors.ts'
import { readStream } from '../../../eventstore/log/read.ts'
import { foldOf } from '../../../machines/fold.ts'
import { type KindName, kinds, parseStream, type StreamId, serverStream } from '../../../machines/kinds.ts'
import { commit, jobAfter, openWorld, registerServer, type World } from '../rig/world.ts'

let world: World
beforeEach(async () => {
  world = await openWorld()
})
afterEach(() => world.close())

const shown = (actor: Actor<KindName> | null | undefined) =>
  actor && {
    state: foldOf(kinds[actor.snapshot.machine.id === 'server' ? 'server' : 'job'], actor.snapshot).dehydrated(),
    version: actor.version,
    hash: actor.hash,
    first: [actor.firstEvent.type, actor.firstEvent.at],
    last: actor.lastEvent.at,
  }

const replayed = async (stream: StreamId) => {
  const fold = foldOf(kinds[parseStream(stream).kind])
  const events = await readStream(world.db, stream)
  for (const event of events) fold.take(event)
  const [first, last] = [events[0], events.at(-1)]
  if (first === undefined || last === undefined) return null
  const { version, hash, at } = last
  return { state: fold.dehydrated(), version, hash, first: [first.type, first.at], last: at }
}

const progress = (percent: number) => ({
  type: 'progress.reported',
  data: { step: 'image-linux.service', percent, message: null },
})

/** Long enough for a snapshot, and some events more. */
async function longJob(): Promise<StreamId> {
  const stream = await jobAfter(world, 10)
  for (let percent = 1; percent <= 45; percent += 1) await commit(world, stream, [progress(percent)])
  return stream
}

test('jobs with and without snapshots, servers and streams that are not there, in the order of the question', async () => {
  const serial = await registerServer(world)
  const streams = [await longJob(), 'job-none', serverStream(serial), await jobAfter(world, 3)] as const
  const loaded = await loadActors(
    world.db,
    [...streams, streams[0]].map((stream) => ({ stream, known: null })),
  )
  expect(loaded.map(shown)).toEqual(await Promise.all([...streams, streams[0]].map(replayed)))
  expect(loaded.map((actor) => actor === null)).toEqual([false, true, false, false, false])
})

test('of a remembered actor only the events since are added', async () => {
  const stream = await jobAfter(world, 10)
  const [known = null] = await loadActors(world.db, [{ stream, known: null }])
  const [unchanged] = await loadActors(world.db, [{ stream, known }])
  expect(unchanged).toBe(known)
  await commit(world, stream, [progress(10), progress(20)])
  const [since] = await loadActors(world.db, [{ stream, known }])
  expect(shown(since)).toEqual(await replayed(stream))
  expect(since?.version).toBe((known?.version ?? 0) + 2)
})

test('a remembered actor whose last event the log does not have is loaded anew', async () => {
  const stream = await jobAfter(world, 10)
  const [known] = await loadActors(world.db, [{ stream, known: null }])
  if (known === null || known === undefined) throw new Error('the job is not there')
  for (const wrong of [{ hash: 'another' }, { version: known.version + 1 }]) {
    const [loaded] = await loadActors(world.db, [{ stream, known: { ...known, ...wrong } }])
    expect(shown(loaded)).toEqual(await replayed(stream))
  }
})

test('a snapshot of another version of the machine is ignored', async () => {
  const stream = await longJob()
  await world.owner.raw`update snapshots set machine_version = 'another', state = '{"value":"complete","context":{}}'`
  const [loaded] = await loadActors(world.db, [{ stream, known: null }])
  expect(shown(loaded)).toEqual(await replayed(stream))
})
