/** Requesting, cancelling and repeating jobs: who gets the server, and what a second request is told. */
import { readFileSync } from 'node:fs'
import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { createJobCommands } from '../../../actors/commands/jobs.ts'
import { readRecipe } from '../../../actors/commands/recipe.ts'
import { releaseServer } from '../../../actors/services/release-server.ts'
import { jobs, sealed } from '../../../eventstore/schema.ts'
import type { JobRequested } from '../../../machines/job/events.ts'
import { jobStream, serverStream } from '../../../machines/kinds.ts'
import { budgets } from '../../machines/job/samples.ts'
import {
  acceptedRecipe,
  controllerParts,
  databaseOfTest,
  type Parts,
  perform,
  rawRecipe,
  refusedAs,
  requester,
} from '../rig/controller.ts'
import { appendAtOnce } from '../rig/held-appends.ts'
import { scriptedServices } from '../rig/scripted-services.ts'

async function setUp() {
  const url = await databaseOfTest()
  const parts = await controllerParts(url)
  await parts.register('SN-0001')
  return { url, parts }
}

/** Races are between controllers: in one, whoever comes later waits. */
const eitherOf = (one: Parts, other: Parts) => (index: number) => (index % 2 === 0 ? one : other)

const asked = {
  serverSerial: 'SN-0001',
  recipe: acceptedRecipe(rawRecipe),
  maintenanceIsoUrl: null,
  idempotencyKey: null,
}
const bob = { ...requester, actor: 'principal:bob' }

const sealedRecipes = async ({ db }: Parts) =>
  (await db.select({ ref: sealed.ref }).from(sealed).where(sql`ref like 'recipe/%'`)).map(({ ref }) => ref)

/** Performs everything but the report, and the release for real. */
const performJobs = (parts: Parts) =>
  perform(parts, scriptedServices({ releaseServer: releaseServer({ runtime: parts.runtime, owner: 'one' }).perform }))

const faultyRecipe = Buffer.from('{"task_target": "install-linux.target"}')

test('a recipe is read with all its faults, or refused for a target that does not report its end', () => {
  expect(readRecipe(rawRecipe)).toMatchObject({ ok: true, raw: rawRecipe, recipe: JSON.parse(rawRecipe.toString()) })
  const faults = expect.arrayContaining([expect.objectContaining({ path: '/oci_url' })])
  expect(readRecipe(faultyRecipe)).toMatchObject({ ok: false, faults })
  const esxi = readFileSync(new URL('../../fixtures/recipes/esxi.json', import.meta.url))
  expect(readRecipe(esxi)).toMatchObject({ ok: false, faults: [{ path: '/task_target', code: 'enum' }] })
})

describe('a request', () => {
  test('creates the job and reserves the server in one go', async () => {
    const { parts } = await setUp()
    const job = await parts.jobs.request(asked, requester)
    expect(job).toMatchObject({ serverSerial: 'SN-0001', created: true })
    const [requested] = await parts.history(jobStream(job.jobId))
    expect(requested).toMatchObject({
      type: 'job.requested',
      actor: 'principal:alice',
      causation_id: 'request-1',
      correlation_id: job.jobId,
      at: job.createdAt,
    })
    const reserved = (await parts.history(serverStream('SN-0001'))).at(-1)
    expect(reserved).toMatchObject({ type: 'server.reserved', data: { job_id: job.jobId }, at: job.createdAt })
  })

  test('keeps the recipe sealed, byte for byte, and its contents out of the log', async () => {
    const { parts } = await setUp()
    const secret = 'hash-of-a-root-password'
    const recipe = { ...JSON.parse(rawRecipe.toString()), user_data: `#cloud-config\npassword: ${secret}\n` }
    const raw = Buffer.from(JSON.stringify(recipe))
    const job = jobStream(await parts.requestJob('SN-0001', { recipe: acceptedRecipe(raw) }))
    const requested = await parts.eventOf(job, 'job.requested')
    expect(Buffer.from(await parts.vault.get((requested.data as JobRequested).recipe_ref))).toEqual(raw)
    const rows = [requested, await parts.db.select().from(jobs), await parts.history(serverStream('SN-0001'))]
    expect(JSON.stringify(rows)).not.toContain(secret)
  })

  test('for a server that is not registered, or not any more, is refused', async () => {
    const { parts } = await setUp()
    await expect(parts.requestJob('SN-0002')).rejects.toMatchObject(refusedAs('unknown_server'))
    await parts.servers.remove('SN-0001', requester)
    await expect(parts.requestJob('SN-0001')).rejects.toMatchObject(refusedAs('unknown_server'))
    expect(await sealedRecipes(parts)).toEqual([])
  })

  test('for a server that a job holds is told which', async () => {
    const { parts } = await setUp()
    const jobId = await parts.requestJob('SN-0001')
    const refused = parts.requestJob('SN-0001')
    await expect(refused).rejects.toMatchObject({ refusal: { kind: 'active_job', jobId } })
    expect(await sealedRecipes(parts)).toEqual([`recipe/${jobId}`])
  })

  test('of ten at once one gets the server, and the others are told', async () => {
    const { url, parts } = await setUp()
    const any = eitherOf(parts, await controllerParts(url))
    const results = await appendAtOnce(url, {
      waiting: 2,
      start: () => Promise.allSettled(Array.from({ length: 10 }, (_, index) => any(index).requestJob('SN-0001'))),
    })
    const winners = results.filter(({ status }) => status === 'fulfilled')
    expect(winners).toHaveLength(1)
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject(refusedAs('active_job'))
    expect(await sealedRecipes(parts)).toHaveLength(1)
  })
})

describe('an idempotency key', () => {
  const keyed = { ...asked, idempotencyKey: 'key-1' }

  test('makes the second request the first one again', async () => {
    const { parts } = await setUp()
    const first = await parts.jobs.request(keyed, requester)
    expect(await parts.jobs.request(keyed, requester)).toEqual({ ...first, created: false })
  })

  test('still knows its job after that has ended', async () => {
    const { parts } = await setUp()
    performJobs(parts)
    const first = await parts.jobs.request(keyed, requester)
    await parts.jobs.cancel(first.jobId, null, requester)
    await parts.eventOf(jobStream(first.jobId), 'server.release.succeeded')
    expect(await parts.jobs.request(keyed, requester)).toEqual({ ...first, created: false })
  })

  test('with another body is refused', async () => {
    const { parts } = await setUp()
    await parts.register('SN-0002')
    await parts.jobs.request(keyed, requester)
    for (const other of [
      { ...keyed, serverSerial: 'SN-0002' },
      { ...keyed, maintenanceIsoUrl: 'http://192.0.2.9/own.iso' },
      { ...keyed, recipe: acceptedRecipe(Buffer.concat([rawRecipe, Buffer.from('\n')])) },
    ])
      await expect(parts.jobs.request(other, requester)).rejects.toMatchObject(refusedAs('idempotency_key_reused'))
  })

  test("of somebody else is somebody else's", async () => {
    const { parts } = await setUp()
    await parts.register('SN-0002')
    const first = await parts.jobs.request(keyed, requester)
    const second = await parts.jobs.request({ ...keyed, serverSerial: 'SN-0002' }, bob)
    expect(second.created).toBe(true)
    expect(second.jobId).not.toBe(first.jobId)
  })

  test('of ten requests at once makes one job, which all of them are told', async () => {
    const { url, parts } = await setUp()
    const any = eitherOf(parts, await controllerParts(url))
    const results = await appendAtOnce(url, {
      waiting: 2,
      start: () => Promise.all(Array.from({ length: 10 }, (_, index) => any(index).jobs.request(keyed, requester))),
    })
    expect(new Set(results.map(({ jobId }) => jobId)).size).toBe(1)
    expect(results.filter(({ created }) => created)).toHaveLength(1)
    expect(await sealedRecipes(parts)).toEqual([`recipe/${results[0]?.jobId}`])
  })

  test('on two servers at once makes one job and one refusal', async () => {
    const { url, parts } = await setUp()
    await parts.register('SN-0002')
    const any = eitherOf(parts, await controllerParts(url))
    const results = await appendAtOnce(url, {
      waiting: 2,
      start: () =>
        Promise.allSettled(
          ['SN-0001', 'SN-0002'].map((serverSerial, index) =>
            any(index).jobs.request({ ...keyed, serverSerial }, requester),
          ),
        ),
    })
    const refused = results.filter((result) => result.status === 'rejected')
    expect(refused.map(({ reason }) => reason)).toEqual([expect.objectContaining(refusedAs('idempotency_key_reused'))])
    expect(await sealedRecipes(parts)).toHaveLength(1)
  })
})

test('a recipe is kept when nobody knows whether its job was', async () => {
  const { parts } = await setUp()
  const lost = {
    ...parts.runtime,
    // The append is durable, but the connection breaks before the answer is there.
    commit: async (commit: Parameters<typeof parts.runtime.commit>[0]) => {
      await parts.runtime.commit(commit)
      throw new Error('CONNECTION_CLOSED')
    },
  }
  const commands = createJobCommands({ ...parts, runtime: lost, budgetsFor: () => budgets })
  await expect(commands.request(asked, requester)).rejects.toThrow('CONNECTION_CLOSED')
  const [job] = await parts.db.select().from(jobs)
  expect(await sealedRecipes(parts)).toEqual([`recipe/${job?.id}`])
})

describe('cancelling', () => {
  test('is recorded with its reason and ends the job', async () => {
    const { parts } = await setUp()
    const id = await parts.requestJob('SN-0001')
    await parts.jobs.cancel(id, 'wrong server', bob)
    const cancelled = (await parts.history(jobStream(id))).at(-1)
    expect(cancelled).toMatchObject({ actor: 'principal:bob', data: { reason: 'wrong server' } })
  })

  test('a job that nobody knows, or whose outcome is known, is refused', async () => {
    const { parts } = await setUp()
    const id = await parts.requestJob('SN-0001')
    await expect(parts.jobs.cancel(crypto.randomUUID(), null, requester)).rejects.toMatchObject(
      refusedAs('unknown_job'),
    )
    await parts.jobs.cancel(id, null, requester)
    await expect(parts.jobs.cancel(id, null, requester)).rejects.toMatchObject(refusedAs('job_ended'))
  })

  test('ten times at once cancels once', async () => {
    const { url, parts } = await setUp()
    const id = await parts.requestJob('SN-0001')
    const any = eitherOf(parts, await controllerParts(url))
    const results = await appendAtOnce(url, {
      waiting: 2,
      start: () =>
        Promise.allSettled(Array.from({ length: 10 }, (_, index) => any(index).jobs.cancel(id, null, requester))),
    })
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject(refusedAs('job_ended'))
  })
})

describe('repeating', () => {
  test('runs the same recipe as a new job once the first has ended', async () => {
    const { parts } = await setUp()
    performJobs(parts)
    const first = await parts.requestJob('SN-0001')
    await parts.jobs.cancel(first, null, requester)
    await parts.eventOf(jobStream(first), 'server.release.succeeded')
    const second = await parts.jobs.retry(first, bob)
    expect(second).toMatchObject({ serverSerial: 'SN-0001', created: true })
    const [requested] = await parts.history(jobStream(second.jobId))
    expect(requested).toMatchObject({ actor: 'principal:bob', data: { retry_of: first } })
    expect(Buffer.from(await parts.vault.get(`recipe/${second.jobId}`))).toEqual(rawRecipe)
  })

  test('a recipe that this version no longer takes is refused with all its faults', async () => {
    const { parts } = await setUp()
    performJobs(parts)
    const first = await parts.requestJob('SN-0001')
    await parts.jobs.cancel(first, null, requester)
    await parts.eventOf(jobStream(first), 'server.release.succeeded')
    await parts.vault.remove(`recipe/${first}`)
    await parts.vault.put(`recipe/${first}`, faultyRecipe)
    const faults = expect.arrayContaining([expect.objectContaining({ path: '/target_disk' })])
    await expect(parts.jobs.retry(first, bob)).rejects.toMatchObject({ refusal: { kind: 'invalid_recipe', faults } })
    expect(await sealedRecipes(parts)).toEqual([`recipe/${first}`])
  })

  test('a job that nobody knows, or that has not ended, is refused', async () => {
    const { parts } = await setUp()
    const id = await parts.requestJob('SN-0001')
    await expect(parts.jobs.retry(id, requester)).rejects.toMatchObject(refusedAs('job_not_ended'))
    await expect(parts.jobs.retry(crypto.randomUUID(), requester)).rejects.toMatchObject(refusedAs('unknown_job'))
  })
})
