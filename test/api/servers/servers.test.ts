// Servers over HTTP: registration, lists, probe, power, removal.
import { expect, test } from 'vitest'
import { hashEvent } from '../../../eventstore/log/event.ts'
import { readStream } from '../../../eventstore/log/read.ts'
import { serverStream } from '../../../machines/kinds.ts'
import { describedToday } from '../../../machines/server/description.ts'
import { commit } from '../../eventstore/rig/world.ts'
import { patience } from '../../rig/patience.ts'
import { bmcPassword, description, openSite, siteOn } from '../site.ts'

const site = await openSite()
const { ask, register, jobAfter, world } = site
const servers = '/api/v1/servers'
const registration = { bmc_address: 'https://bmc.example:8443/', bmc_username: 'root', bmc_password: bmcPassword }

const found = { description, fingerprint: null, elapsed_ms: 42 }

/** Answers what the API asked of the BMC, as soon as it is asked. */
async function answering<Result>(serial: string, event: { type: string; data: unknown }, request: Promise<Result>) {
  const asked = event.type.startsWith('server.power') ? 'server.power.requested' : 'server.probe.requested'
  const waiter = world.notifications.waiter()
  const signal = patience()
  for (;;) {
    const { body } = await ask('GET', `${servers}/${serial}/events`)
    if ((body['events'] as unknown as { type: string }[]).some(({ type }) => type === asked)) break
    await waiter.wait({ timeoutMs: 100, signal })
    signal.throwIfAborted()
  }
  waiter.close()
  await commit(world, serverStream(serial), [event])
  return request
}

test('a server is created, read, replaced and removed, and its history stays', async () => {
  const path = `${servers}/PUT-1`
  const created = await ask('PUT', path, { body: { ...registration, labels: { rack: 'r1' }, vendor: 'dell' } })
  expect([created.status, created.headers.get('location')]).toEqual([201, path])
  expect(created.body).toMatchObject({
    serial: 'PUT-1',
    bmc_address: 'https://bmc.example:8443',
    status: 'probing',
    tls: { mode: 'system' },
    labels: { rack: 'r1' },
    vendor: 'dell',
    active_job: null,
  })
  const replaced = await ask('PUT', path, { body: { ...registration, tls: { mode: 'insecure' } } })
  expect([replaced.status, replaced.body['tls']]).toEqual([200, { mode: 'insecure' }])
  expect((await ask('GET', path)).body).toEqual(replaced.body)
  expect((await ask('DELETE', path)).status).toBe(204)
  expect((await ask('GET', path)).body['error']).toBe('unknown_server')
  expect((await ask('DELETE', path)).status).toBe(404)
  const events = (await ask('GET', `${path}/events`)).body['events'] as unknown as { type: string }[]
  expect(events.map(({ type }) => type)).toEqual(['server.registered', 'server.changed', 'server.removed'])
  expect((await ask('GET', `${path}/state?seq=1`)).body).toMatchObject({ tls: { mode: 'system' }, seq: 1 })
  const changes = [
    { path: '/labels/rack', before: 'r1' },
    { path: '/tls/mode', before: 'system', after: 'insecure' },
    { path: '/vendor', before: 'dell', after: null },
  ]
  expect((await ask('GET', `${path}/state/changes?from=1&to=2`)).body).toEqual({ from: 1, to: 2, changes })
})

test('a server with an active job is not removed', async () => {
  const { serial, jobId } = await jobAfter()
  const answer = await ask('DELETE', `${servers}/${serial}`)
  expect([answer.status, answer.body['error'], answer.body['job_id']]).toEqual([409, 'active_job', jobId])
})

test.each([
  ['a password in the address', { bmc_address: 'https://root:x@bmc.example' }, '/bmc_address'],
  ['a path in the address', { bmc_address: 'https://bmc.example/redfish' }, '/bmc_address'],
  ['a query in the address', { bmc_address: 'https://bmc.example?x=1' }, '/bmc_address'],
  ['another scheme', { bmc_address: 'ftp://bmc.example' }, '/bmc_address'],
  ['no host', { bmc_address: 'https://' }, '/bmc_address'],
  ['an unknown TLS mode', { tls: { mode: 'none' } }, '/tls/mode'],
  ['a fingerprint that is none', { tls: { mode: 'pinned', fingerprint: 'AB:CD' } }, '/tls/fingerprint'],
  ['an empty password', { bmc_password: '' }, '/bmc_password'],
  ['a label that is no name', { labels: { 'a b': 'x' } }, '/labels/a b'],
  ['an unknown member', { password: 'x' }, '/password'],
])('a registration with %s is refused', async (_, change, path) => {
  const answer = await ask('PUT', `${servers}/BAD-1`, { body: { ...registration, ...change } })
  expect([answer.status, answer.body['details']?.[0]?.['path']]).toEqual([400, path])
})

test.each(['a%20b', 'a%2Fb', '-x', 'x'.repeat(129), '%00', 'ä'])('the serial %s is refused', async (serial) => {
  const answer = await ask('PUT', `${servers}/${serial}`, { body: registration })
  expect(answer.status).toBe(400)
})

test('a list is by serial, without removed servers, by label and status, in pages', async () => {
  for (const [serial, labels] of [
    ['LIST-1', { site: 'a' }],
    ['LIST-2', { site: 'b' }],
    ['LIST-3', { site: 'a=b' }],
  ] as const)
    await ask('PUT', `${servers}/${serial}`, { body: { ...registration, labels } })
  await ask('PUT', `${servers}/LIST-0`, { body: { ...registration, labels: { site: 'a' } } })
  await ask('DELETE', `${servers}/LIST-0`)
  const serials = async (query: string) => {
    const { body } = await ask('GET', `${servers}?${query}`)
    return (body['servers'] as unknown as { serial: string }[]).map(({ serial }) => serial)
  }
  expect(await serials('label=site')).toEqual(['LIST-1', 'LIST-2', 'LIST-3'])
  expect(await serials('label=site=a')).toEqual(['LIST-1'])
  expect(await serials('label=site=a%3Db')).toEqual(['LIST-3'])
  expect(await serials('label=site&status=removed')).toEqual(['LIST-0'])
  expect(await serials('label=site&status=reserved')).toEqual([])
  const first = await ask('GET', `${servers}?label=site&limit=2`)
  expect(await serials(`label=site&limit=2&cursor=${first.body['next_cursor']}`)).toEqual(['LIST-3'])
})

test('another certificate is accepted explicitly, by whom is in the history', async () => {
  const path = `${servers}/PIN-1`
  const tls = { mode: 'pinned', fingerprint: 'a'.repeat(64), legacy: true }
  await ask('PUT', path, { body: { ...registration, tls } })
  const fingerprint = 'b'.repeat(64)
  const accepted = await ask('POST', `${path}/certificate`, { body: { fingerprint } })
  expect([accepted.status, accepted.body['tls'], accepted.body['status']]).toEqual([
    200,
    { ...tls, fingerprint },
    'probing',
  ])
  const { body } = await ask('GET', `${path}/events`)
  const last = (body['events'] as unknown as { type: string; actor: string; data: object }[]).at(-1)
  expect(last).toMatchObject({ type: 'server.certificate.accepted', data: { fingerprint } })
  expect(last?.actor).toBe((body['events'] as unknown as { actor: string }[])[0]?.actor)
  expect((await ask('POST', `${path}/certificate`, { body: { fingerprint: 'AB:CD' } })).status).toBe(400)
})

test('a certificate is not accepted for a server that judges it otherwise, or that nobody knows', async () => {
  await ask('PUT', `${servers}/PIN-2`, { body: registration })
  const body = { fingerprint: 'b'.repeat(64) }
  const other = await ask('POST', `${servers}/PIN-2/certificate`, { body })
  expect([other.status, other.body['error']]).toEqual([409, 'not_pinned'])
  expect((await ask('POST', `${servers}/NOBODY/certificate`, { body })).status).toBe(404)
})

test('a probe answers what was found', async () => {
  const serial = await register()
  const probe = ask('POST', `${servers}/${serial}/probe`)
  const answer = await answering(serial, { type: 'server.probe.succeeded', data: found }, probe)
  expect(answer.status).toBe(200)
  expect(answer.body).toMatchObject({
    serial,
    description,
    findings: description.findings,
    elapsed_ms: 42,
  })
  expect((await ask('GET', `${servers}/${serial}`)).body).toMatchObject({ status: 'available' })
})

test('a server that an older controller probed is shown as it is, with null for what was not recorded then', async () => {
  const serial = await register()
  await commit(world, serverStream(serial), [{ type: 'server.probe.succeeded', data: found }])
  const { licence, passed_over, reset_types_from, etags, ...rest } = description
  const first = {
    ...rest,
    system: { id: description.system.id, name: null, bios_version: '2.1' },
    manager: { id: description.manager.id, model: null, firmware: '6.00' },
    slots: [{ id: '/vm/1', name: 'CD1', media_types: ['CD'], inserted: false }],
    boot: { targets: ['Cd'], cd_target: 'Cd', modes: ['UEFI'] },
  }
  // What that controller would have left behind: its event, under its hash, and its row.
  const probed = (await readStream(world.db, serverStream(serial))).at(-1)
  if (probed === undefined) throw new Error('the server has no events')
  const { position: _position, hash: _hash, ...event } = probed
  const data = { ...found, description: first }
  const hash = hashEvent({ ...event, data, schema_version: 1 })
  await world.owner.raw.begin(async (tx) => {
    await tx`set local session_replication_role = replica`
    await tx.unsafe('update events set data = $1::text::jsonb, schema_version = 1, hash = $2 where id = $3', [
      JSON.stringify(data),
      hash,
      event.id,
    ])
    await tx`update servers set view = view - 'description', view_version = 0 where serial = ${serial}`
  })

  const expected = describedToday(first as Parameters<typeof describedToday>[0])
  expect(expected).toMatchObject({ passed_over: null, slots: [{ takes: null }], system: { why: null } })
  const { body } = await ask('GET', `${servers}/${serial}`)
  expect(body['description']).toEqual(expected)
  const listed = (await ask('GET', `${servers}?limit=500`)).body['servers'] as unknown as { serial: string }[]
  expect(listed.find((one) => one.serial === serial)).toMatchObject({ description: expected })
  expect((await ask('GET', `${servers}/${serial}/state`)).body['description']).toEqual(expected)
  const events = (await ask('GET', `${servers}/${serial}/events`)).body['events'] as unknown as object[]
  expect(events.at(-1)).toMatchObject({ schema_version: 1, data, hash })
  // And it goes on from there.
  await commit(world, serverStream(serial), [{ type: 'server.probe.requested', data: {} }])
  expect((await ask('GET', `${servers}/${serial}`)).body['description']).toEqual(expected)
})

test('a probe that fails is 502 with the failure', async () => {
  const serial = await register()
  const failure = { kind: 'unauthorized', message: 'the BMC refused the credentials', status: 401 }
  const probe = ask('POST', `${servers}/${serial}/probe`)
  const answer = await answering(serial, { type: 'server.probe.failed', data: failure }, probe)
  expect([answer.status, answer.body['error'], answer.body['failure']]).toEqual([502, 'bmc_failed', failure])
})

test('a probe that takes too long is 504, and its outcome comes into the history', async () => {
  const serial = await register()
  const hasty = await siteOn(world, { limits: { ...site.options.limits, bmcWaitMs: 20 } })
  const answer = await hasty.ask('POST', `${servers}/${serial}/probe`)
  expect([answer.status, answer.body['error']]).toEqual([504, 'still_under_way'])
})

test('power is switched and answered when it was seen; a second action meanwhile is refused', async () => {
  const serial = await register()
  const after = { power_state: 'Off', last_reset_time: null, boot_progress: null }
  const data = { attempts: 1, elapsed_ms: 10, sent: ['ForceOff'], evidence: 'power-state', after }
  const path = `${servers}/${serial}/power`
  const hasty = await siteOn(world, { limits: { ...site.options.limits, bmcWaitMs: 20 } })
  expect((await hasty.ask('POST', path, { body: { action: 'off' } })).status).toBe(504)
  const busy = await ask('POST', path, { body: { action: 'on' } })
  expect([busy.status, busy.body['error']]).toEqual([409, 'power_busy'])
  await commit(world, serverStream(serial), [{ type: 'server.power.succeeded', data }])

  const other = await register()
  const power = ask('POST', `${servers}/${other}/power`, { body: { action: 'off' } })
  const answer = await answering(other, { type: 'server.power.succeeded', data }, power)
  expect(answer.body).toMatchObject({ serial: other, action: 'off', sent: ['ForceOff'], after })
  expect((await ask('POST', path, { body: { action: 'explode' } })).status).toBe(400)
  const { serial: reserved } = await jobAfter()
  const refused = await ask('POST', `${servers}/${reserved}/power`, { body: { action: 'off' } })
  expect([refused.status, refused.body['error']]).toEqual([409, 'active_job'])
})

test('a power action that the BMC refuses is 502', async () => {
  const serial = await register()
  const failure = { kind: 'refused', message: 'the BMC refused it', status: 400 }
  const power = ask('POST', `${servers}/${serial}/power`, { body: { action: 'on' } })
  const answer = await answering(serial, { type: 'server.power.failed', data: failure }, power)
  expect([answer.status, answer.body['failure']]).toEqual([502, failure])
})
