// A dry run says what a job would do, and does nothing.
import { sql } from 'drizzle-orm'
import { expect, test } from 'vitest'
import type { IsoPreview } from '../../../api/jobs/dry-run.ts'
import { serverStream } from '../../../machines/kinds.ts'
import { commit } from '../../eventstore/rig/world.ts'
import { description, linuxRecipe, openSite } from '../site.ts'

const previews: IsoPreview[] = []
const site = await openSite({
  isoDigest: async (preview) => {
    previews.push(preview)
    return { sha256: 'a'.repeat(64), bytes: 4096 }
  },
})
const { ask, register, jobAfter } = site
const dryRun = (server_serial: string, recipe: unknown = linuxRecipe) =>
  ask('POST', '/api/v1/jobs?dry_run=true', { body: { server_serial, recipe } })

const rows = async () => {
  const [counted] = await site.world.db.execute<{ rows: number }>(
    sql`select ((select count(*) from events) + (select count(*) from effects) + (select count(*) from sealed))::int as rows`,
  )
  return counted?.rows
}

test('the effects of a whole job are told in their order, with budgets, and nothing is stored', async () => {
  const serial = await register()
  const before = await rows()
  const { status, body } = await dryRun(serial)
  expect(status).toBe(200)
  expect((body['effects'] as unknown as { step: string }[]).map(({ step }) => step)).toEqual([
    'job.admission',
    'iso.build',
    'redfish.discover',
    'redfish.mount.maintenance',
    'redfish.mount.task',
    'redfish.boot-override',
    'redfish.reset',
    'redfish.poll',
    'cleanup.power-off',
    'cleanup.unmount',
    'cleanup.boot-override',
    'cleanup.reset',
    'server.release',
  ])
  expect(body['waits']).toContainEqual({ for: 'webhook.wait', budget_ms: 7_200_000 })
  expect(body).toMatchObject({ dry_run: true, server_status: 'not_probed', layout: null })
  expect(body['recipe']).toMatchObject({ task_target: 'install-linux.target', partitions: 3 })
  expect(await rows()).toBe(before)
})

test('the digest of the task ISO is of the recipe as it was sent', async () => {
  const serial = await register()
  const { body } = await dryRun(serial)
  expect(body['task_iso']).toEqual({ sha256: 'a'.repeat(64), bytes: 4096 })
  const preview = previews.at(-1)
  expect(preview?.serial).toBe(serial)
  expect(Buffer.from(preview?.recipe.raw ?? []).toString()).toBe(JSON.stringify(linuxRecipe))
})

test('the slots that a probe found are named', async () => {
  const serial = await register()
  const { layout } = description
  const data = { description, fingerprint: null, elapsed_ms: 1 }
  await commit(site.world, serverStream(serial), [{ type: 'server.probe.succeeded', data }])
  const { body } = await dryRun(serial)
  expect(body).toMatchObject({ server_status: 'probed', layout })
  const effects = body['effects'] as unknown as { step: string; slot: string | null }[]
  expect(effects.filter(({ slot }) => slot !== null)).toMatchObject([
    { step: 'redfish.mount.maintenance', slot: '/vm/1' },
    { step: 'redfish.mount.task', slot: '/vm/2' },
  ])
})

test('a dry run is refused for the same reasons as a job', async () => {
  expect((await dryRun('NOBODY')).body['error']).toBe('unknown_server')
  const { serial } = await jobAfter()
  expect((await dryRun(serial)).body['error']).toBe('active_job')
  expect((await dryRun(await register(), { task_target: 'x' })).body['error']).toBe('validation_error')
  expect((await ask('POST', '/api/v1/jobs?dry_run=maybe', { body: {} })).status).toBe(400)
})
