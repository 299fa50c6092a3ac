// Jobs over HTTP: create, read, list, cancel, retry, history, past states.
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import { removeArchived, writeArchive } from '../../../eventstore/archive/archive.ts'
import { readStream } from '../../../eventstore/log/read.ts'
import { tombstoneKey } from '../../../eventstore/upkeep/tombstones.ts'
import { jobStream } from '../../../machines/kinds.ts'
import { commit, saveAllPublished } from '../../eventstore/rig/world.ts'
import { linuxRecipe, openSite, siteOn, untilComplete, untilWaiting } from '../site.ts'

const site = await openSite()
const { ask, register, jobAfter } = site
const jobs = '/api/v1/jobs'

const details = (answer: Awaited<ReturnType<typeof ask>>) =>
  (answer.body['details'] as unknown as { path: string; code: string }[]).map(({ path, code }) => `${code} ${path}`)

test('a job is accepted with its place, its status and the warnings of its recipe', async () => {
  const server_serial = await register()
  const recipe = { ...linuxRecipe, oci_url: 'registry.example.com/os/ubuntu:24.04' }
  const answer = await ask('POST', jobs, { body: { server_serial, recipe } })
  expect(answer.status).toBe(202)
  expect(answer.headers.get('location')).toBe(`${jobs}/${answer.body['job_id']}`)
  expect(answer.body).toMatchObject({ status: 'queued', server_serial, warnings: [{ code: 'oci_url_not_pinned' }] })
  expect(Date.parse(String(answer.body['created_at']))).not.toBeNaN()
})

test('the recipe is kept byte for byte as it was sent', async () => {
  const server_serial = await register()
  const raw = `{ "task_target" : "install-linux.target",\n ${JSON.stringify(linuxRecipe).slice(1).replace('"task_target":"install-linux.target",', '')}`
  const answer = await ask('POST', jobs, { body: `{"recipe":${raw},"server_serial":"${server_serial}"}` })
  expect(answer.status).toBe(202)
  const job = await ask('GET', `${jobs}/${answer.body['job_id']}`)
  expect(job.body['recipe']?.['raw']).toMatchObject({ bytes: Buffer.byteLength(raw) })
})

test('all faults of body and recipe are told at once, as pointers into the body', async () => {
  const recipe = JSON.parse(
    readFileSync(new URL('../../fixtures/recipes/bad/wrong-types.json', import.meta.url), 'utf8'),
  )
  const body = { server_serial: '../etc', recipe, maintenance_iso_url: 'ftp://x/y.iso', unknown: 1 }
  const answer = await ask('POST', jobs, { body })
  expect(answer.status).toBe(400)
  expect(answer.body).toMatchObject({ error: 'validation_error', status: 400 })
  const faults = details(answer)
  expect(faults).toContain('additional_property /unknown')
  expect(faults.some((fault) => fault.endsWith(' /server_serial'))).toBe(true)
  expect(faults.some((fault) => fault.endsWith(' /maintenance_iso_url'))).toBe(true)
  expect(faults.filter((fault) => fault.includes(' /recipe/')).length).toBeGreaterThan(3)
})

test.each([
  ['no JSON', '{"server_serial":', 'invalid_json '],
  ['no recipe', '{"server_serial":"A1"}', 'required /recipe'],
  ['a recipe that is no object', '{"server_serial":"A1","recipe":[]}', 'type /recipe'],
  [
    'the recipe given twice',
    `{"server_serial":"A1","recipe":{},"recipe":${JSON.stringify(linuxRecipe)}}`,
    'duplicate_key /recipe',
  ],
  [
    'a name given twice in the recipe',
    '{"server_serial":"A1","recipe":{"env":{"A":"1","A":"2"},"task_target":"x.target"}}',
    'duplicate_key /recipe/env/A',
  ],
])('a body with %s is refused', async (_, body, fault) => {
  const answer = await ask('POST', jobs, { body })
  expect(answer.status).toBe(400)
  expect(details(answer)).toContain(fault)
})

test('a body that is not called JSON is refused', async () => {
  const answer = await ask('POST', jobs, { body: '{}', headers: { 'content-type': 'text/plain' } })
  expect([answer.status, answer.body['error']]).toEqual([415, 'unsupported_media_type'])
})

test('a server that is not registered is 404, one with an active job 409 that names the job', async () => {
  const unknown = await ask('POST', jobs, { body: { server_serial: 'NOBODY', recipe: linuxRecipe } })
  expect([unknown.status, unknown.body['error']]).toEqual([404, 'unknown_server'])
  const { jobId, serial } = await jobAfter()
  const second = await ask('POST', jobs, { body: { server_serial: serial, recipe: linuxRecipe } })
  expect([second.status, second.body['error'], second.body['job_id']]).toEqual([409, 'active_job', jobId])
  expect(String(second.body['message'])).toContain(jobId)
})

test('the same idempotency key gives the same job, also to a new process; with another body it is refused', async () => {
  const server_serial = await register()
  const headers = { 'idempotency-key': uuidv7() }
  const body = { server_serial, recipe: linuxRecipe }
  const first = await ask('POST', jobs, { body, headers })
  const restarted = await siteOn(site.world)
  const again = await restarted.ask('POST', jobs, { body, headers })
  expect([first.status, again.status]).toEqual([202, 200])
  expect(again.body['job_id']).toBe(first.body['job_id'])
  const other = await ask('POST', jobs, { body: { ...body, maintenance_iso_url: 'http://x/y.iso' }, headers })
  expect([other.status, other.body['error']]).toEqual([422, 'idempotency_key_reused'])
  const malformed = await ask('POST', jobs, { body, headers: { 'idempotency-key': 'a b' } })
  expect(details(malformed)).toEqual(['invalid /headers/idempotency-key'])
})

test('a job tells what happened in sentences and what it waits for until when', async () => {
  const { jobId, serial } = await jobAfter(untilWaiting)
  const { status, body } = await ask('GET', `${jobs}/${jobId}`)
  expect(status).toBe(200)
  expect(body).toMatchObject({
    job_id: jobId,
    server_serial: serial,
    status: 'provisioning',
    state: 'provisioning.waitingForReport',
    outcome: null,
    cleanup: 'pending',
    failed_step: null,
    failure: null,
    attempts: 1,
    progress: { step: 'os-image', percent: 40 },
    media: { task_iso: { bytes: 2048 } },
  })
  const events = body['events'] as unknown as { seq: number; message: string; step: string | null; level: string }[]
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
  expect(events.find(({ step }) => step === 'redfish.mount.task')?.message).toMatch(/task medium in \/s .*1 attempt/)
  const waits = body['waiting_for'] as unknown as { deadline: string; until: string }[]
  expect(waits.map(({ deadline }) => deadline)).toEqual(['webhook.wait', 'job'])
  expect(Date.parse(waits[0]?.until ?? '')).toBeGreaterThan(Date.now())
})

test('outcome and failed step stay readable after the job is complete', async () => {
  const { jobId } = await jobAfter(1)
  await commit(site.world, jobStream(jobId), [
    { type: 'iso.build.failed', data: { kind: 'disk', message: 'no space left' } },
    { type: 'server.release.succeeded', data: {} },
  ])
  const { body } = await ask('GET', `${jobs}/${jobId}`)
  expect(body).toMatchObject({
    status: 'complete',
    outcome: 'failed',
    cleanup: 'clean',
    failed_step: 'iso.build',
    failure: { kind: 'disk', message: 'no space left' },
    waiting_for: [],
  })
})

test('a job that does not exist is 404 wherever it is asked for, a malformed id 400', async () => {
  const id = uuidv7()
  for (const [method, path] of [
    ['GET', ''],
    ['GET', '/events'],
    ['GET', '/state'],
    ['GET', '/state/changes?from=1'],
    ['POST', '/cancel'],
    ['POST', '/retry'],
  ] as const) {
    const answer = await ask(method, `${jobs}/${id}${path}`)
    expect([path, answer.status, answer.body['error']]).toEqual([path, 404, 'unknown_job'])
  }
  expect((await ask('GET', `${jobs}/none`)).status).toBe(400)
})

test('cancelling is accepted before the outcome and refused after it', async () => {
  const { jobId } = await jobAfter(2)
  const first = await ask('POST', `${jobs}/${jobId}/cancel`, { body: { reason: 'wrong rack' } })
  expect([first.status, first.body['outcome']]).toEqual([202, 'cancelled'])
  const again = await ask('POST', `${jobs}/${jobId}/cancel`)
  expect([again.status, again.body['error']]).toEqual([409, 'job_ended'])
  const [last] = (await readStream(site.world.db, jobStream(jobId))).slice(-1)
  expect(last).toMatchObject({ type: 'cancel.requested', data: { reason: 'wrong rack' }, actor: 'principal:anonymous' })
})

test('a retry is a new job with the same recipe that counts its attempts', async () => {
  const { jobId } = await jobAfter(untilComplete)
  const retried = await ask('POST', `${jobs}/${jobId}/retry`)
  expect([retried.status, retried.body['retry_of']]).toEqual([202, jobId])
  expect(retried.headers.get('location')).toBe(`${jobs}/${retried.body['job_id']}`)
  const second = await ask('GET', `${jobs}/${retried.body['job_id']}`)
  const first = await ask('GET', `${jobs}/${jobId}`)
  expect([second.body['attempts'], second.body['retry_of']]).toEqual([2, jobId])
  expect(second.body['recipe']).toEqual(first.body['recipe'])
  const early = await ask('POST', `${jobs}/${retried.body['job_id']}/retry`)
  expect([early.status, early.body['error']]).toEqual([409, 'job_not_ended'])
})

test('while the controller drains no job is taken, but all else is answered', async () => {
  const draining = await siteOn(site.world)
  const { jobId, serial } = await jobAfter(untilComplete)
  draining.drain.abort()
  const body = { server_serial: serial, recipe: linuxRecipe }
  for (const path of [jobs, `${jobs}?dry_run=true`, `${jobs}/${jobId}/retry`]) {
    const answer = await draining.ask('POST', path, { body })
    expect([answer.status, answer.body['error']]).toEqual([503, 'draining'])
    expect(answer.headers.get('retry-after')).not.toBeNull()
  }
  expect((await draining.ask('GET', `${jobs}/${jobId}`)).status).toBe(200)
})

test('the history is all stored events, in pages', async () => {
  const { jobId } = await jobAfter(untilComplete)
  const stored = await readStream(site.world.db, jobStream(jobId))
  const first = await ask('GET', `${jobs}/${jobId}/events?limit=5`)
  expect(first.body['next_after_seq']).toBe(5)
  const rest = await ask('GET', `${jobs}/${jobId}/events?after_seq=5`)
  expect(rest.body['next_after_seq']).toBeNull()
  const events = [first, rest].flatMap(({ body }) => body['events'] as unknown as { seq: number; hash: string }[])
  expect(events.map(({ hash }) => hash)).toEqual(stored.map(({ hash }) => hash))
  expect(events.map(({ seq }) => seq)).toEqual(stored.map(({ version }) => version))
})

test('a past state is that after an event or at an instant', async () => {
  const { jobId } = await jobAfter(untilComplete)
  const events = await readStream(site.world.db, jobStream(jobId))
  for (const event of events.slice(0, 8)) {
    const { body } = await ask('GET', `${jobs}/${jobId}/state?seq=${event.version}`)
    expect([body['state'], body['seq'], body['at']]).toEqual([event.state_to, event.version, event.at])
  }
  const now = await ask('GET', `${jobs}/${jobId}/state`)
  expect([now.body['status'], now.body['seq']]).toEqual(['complete', events.length])
  const then = await ask('GET', `${jobs}/${jobId}/state?at=${events[0]?.at}`)
  expect(then.body['state']).toBe('queued')
  const before = await ask('GET', `${jobs}/${jobId}/state?at=2001-01-01T00:00:00Z`)
  expect([before.status, before.body['error']]).toEqual([404, 'no_such_state'])
  expect((await ask('GET', `${jobs}/${jobId}/state?seq=999`)).status).toBe(404)
  expect((await ask('GET', `${jobs}/${jobId}/state?seq=1&at=2026-01-01T00:00:00Z`)).status).toBe(400)
  expect((await ask('GET', `${jobs}/${jobId}/state?seq=x`)).status).toBe(400)
})

test('what changed between two events is told place by place, in either direction', async () => {
  const { jobId } = await jobAfter(3)
  const path = `${jobs}/${jobId}/state/changes`
  const iso = { path: '/media/task_iso', before: null, after: { sha256: expect.any(String), bytes: 2048 } }
  const state = { path: '/state', before: 'provisioning.buildingIso', after: 'provisioning.redfish.discovering' }
  const step = { path: '/step', before: 'iso.build', after: 'redfish.discover' }
  const built = await ask('GET', `${path}?from=2&to=3`)
  expect([built.status, built.body]).toEqual([200, { from: 2, to: 3, changes: [iso, state, step] }])
  const back = await ask('GET', `${path}?from=3&to=2`)
  expect(back.body['changes']?.['2' as never]).toEqual({ path: '/step', before: step.after, after: step.before })
  const now = await ask('GET', `${path}?from=4`)
  expect(now.body).toEqual({ from: 4, to: 4, changes: [] })
  const layout = await ask('GET', `${path}?from=3`)
  expect(layout.body).toMatchObject({ to: 4, changes: [{ path: '/media/layout', before: null }, {}, {}] })
})

test('what changed is not known for events that do not exist', async () => {
  const { jobId } = await jobAfter()
  const path = `${jobs}/${jobId}/state/changes`
  for (const query of ['from=1&to=9', 'from=9', 'from=9&to=1']) {
    const answer = await ask('GET', `${path}?${query}`)
    expect([query, answer.status, answer.body['error']]).toEqual([query, 404, 'no_such_state'])
  }
  for (const query of ['', '?to=1', '?from=0', '?from=x']) expect((await ask('GET', path + query)).status).toBe(400)
})

test('a job that was archived and removed is gone, and the answer names the archive', async () => {
  const { jobId, serial } = await jobAfter(untilComplete)
  const { db, owner } = site.world
  await saveAllPublished(site.world)
  const path = join(await mkdtemp(join(tmpdir(), 'archive-')), 'jobs.gz')
  const { file_sha256 } = await writeArchive(db, { jobIds: [jobId] }, path)
  const removal = { by: 'principal:test', reason: 'old', key: tombstoneKey(Buffer.alloc(32, 5)) }
  expect((await removeArchived(owner.db, path, removal)).removed).toBe(1)
  await rm(dirname(path), { recursive: true })
  const gone = { error: 'removed_job', archive_sha256: file_sha256, removed_at: expect.stringMatching(/Z$/) }
  const asked: readonly (readonly [method: string, place: string, body?: object])[] = [
    ['GET', ''],
    ['GET', '/events'],
    ['GET', '/state'],
    ['GET', '/state/changes?from=1'],
    ['POST', '/cancel', {}],
    ['POST', '/retry'],
  ]
  for (const [method, place, body] of asked) {
    const answer = await ask(method, `${jobs}/${jobId}${place}`, body === undefined ? {} : { body })
    expect([place, answer.status, answer.body]).toEqual([place, 410, expect.objectContaining(gone)])
  }
  expect((await ask('GET', `${jobs}/${uuidv7()}`)).status).toBe(404)
  expect((await ask('GET', `${jobs}?server=${serial}`)).body['jobs']).toEqual([])
  // The server's own history stays, and still names the job.
  expect((await ask('GET', `/api/v1/servers/${serial}`)).body['last_job']).toBe(jobId)
})
