// Task ISOs that are not needed any more.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { taskStore } from '../../../actors/media/files/store.ts'
import { removeExpired } from '../../../actors/media/retention.ts'
import { readStream } from '../../../eventstore/log/read.ts'
import { databaseNow } from '../../../eventstore/postgres/clock.ts'
import { removeStream, signRemoval, tombstoneKey } from '../../../eventstore/upkeep/tombstones.ts'
import { parseStream, serverStream } from '../../../machines/kinds.ts'
import { storageFolder } from '../../e2e/rig/storage.ts'
import { commit, jobAfter, openWorld, saveAllPublished, successfulRun } from '../../eventstore/rig/world.ts'

const world = await openWorld()
const folder = await storageFolder()
afterAll(async () => {
  await world.close()
  await rm(folder, { recursive: true, force: true })
})

test('the task ISO of a job goes when its history was archived and removed, however recent; others stay', async () => {
  const [kept, removed] = [await jobAfter(world, successfulRun.length), await jobAfter(world, successfulRun.length)]
  const ids = [kept, removed].map((stream) => parseStream(stream).id)
  const [row] = await world.owner.raw`select server_serial from jobs where id = ${ids[1] ?? ''}`
  const data = { job_id: ids[1], outcome: 'succeeded', cleanup: 'clean', slots: null, power_on: false }
  await commit(world, serverStream(String(row?.['server_serial'])), [{ type: 'server.released', data }])
  await saveAllPublished(world)
  const head = (await readStream(world.db, removed)).at(-1)
  const what = { stream: removed, lastVersion: head?.version ?? 0, headHash: head?.hash ?? '' }
  const why = { archiveSha256: '0'.repeat(64), removedBy: 'principal:test', reason: 'old' }
  const statement = { ...what, ...why, removedAt: await databaseNow(world.db) }
  await removeStream(world.owner.db, signRemoval(statement, tombstoneKey(Buffer.alloc(32, 5))))
  const store = taskStore(join(folder, 'tasks'))
  for (const id of ids) await store.put(id, Buffer.from('iso'))
  expect(await removeExpired({ db: world.db, store, days: 14 })).toBe(1)
  expect(await store.list()).toEqual([ids[0]])
})
