/** Registering servers and asking for their probes and power; credentials stay in the vault. */
import { describe, expect, test } from 'vitest'
import { UnsealError } from '../../../eventstore/ledgers/vault.ts'
import { events, sealed, servers } from '../../../eventstore/schema.ts'
import { serverStream } from '../../../machines/kinds.ts'
import { patience } from '../../rig/patience.ts'
import { controllerParts, credentials, databaseOfTest, perform, refusedAs, requester } from '../rig/controller.ts'
import { scriptedServices } from '../rig/scripted-services.ts'

const serial = 'SN-0001'
const stream = serverStream(serial)
const registration = {
  serial,
  bmc_address: 'https://192.0.2.10',
  vendor: 'dell',
  tls: { mode: 'insecure' as const },
  labels: { rack: '7' },
}

const setUp = async () => controllerParts(await databaseOfTest())
const soon = () => ({ requester, signal: patience() })
const refs = async ({ db }: Awaited<ReturnType<typeof setUp>>) =>
  (await db.select({ ref: sealed.ref }).from(sealed)).map(({ ref }) => ref)

describe('a registration', () => {
  test('is recorded by whom, and its credentials only by reference', async () => {
    const parts = await setUp()
    expect(await parts.servers.put(registration, credentials, requester)).toEqual({ created: true })
    const [registered] = await parts.history(stream)
    expect(registered).toMatchObject({ type: 'server.registered', actor: 'principal:alice', data: registration })
    const stored = JSON.stringify([
      (await parts.db.select().from(events)).map(({ data, actor }) => ({ data, actor })),
      await parts.db.select().from(servers),
      (await parts.db.select().from(sealed)).map(({ ref, ciphertext }) => [
        ref,
        Buffer.from(ciphertext).toString('latin1'),
      ]),
    ])
    expect(stored).not.toContain(credentials.password)
    const access = await parts.servers.access(serial)
    expect(access).toMatchObject({ registration })
    expect(await access.unseal()).toEqual(credentials)
  })

  test('that replaces another uses the new credentials and forgets the old ones', async () => {
    const parts = await setUp()
    await parts.servers.put(registration, credentials, requester)
    const changed = { ...registration, bmc_address: 'https://192.0.2.11' }
    const renewed = { username: 'root', password: 'new-secret' }
    expect(await parts.servers.put(changed, renewed, requester)).toEqual({ created: false })
    expect((await parts.history(stream)).map(({ type }) => type)).toEqual(['server.registered', 'server.changed'])
    const access = await parts.servers.access(serial)
    expect(access).toMatchObject({ registration: changed })
    expect(await access.unseal()).toEqual(renewed)
    expect(await refs(parts)).toEqual([access.registration.credentials_ref])
  })

  test('ten times at once registers once and changes nine times, and its credentials open', async () => {
    const parts = await setUp()
    const results = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        parts.servers.put(registration, { ...credentials, password: `secret-${index}` }, requester),
      ),
    )
    expect(results.filter(({ created }) => created)).toHaveLength(1)
    const access = await parts.servers.access(serial)
    expect(await refs(parts)).toEqual([access.registration.credentials_ref])
  })

  test('can be changed while a job holds the server, which goes on', async () => {
    const parts = await setUp()
    await parts.servers.put(registration, credentials, requester)
    const jobId = await parts.requestJob(serial)
    await parts.servers.put({ ...registration, labels: {} }, credentials, requester)
    await expect(parts.requestJob(serial)).rejects.toMatchObject({ refusal: { kind: 'active_job', jobId } })
  })
})

describe('removing', () => {
  test('forgets the credentials and keeps the history', async () => {
    const parts = await setUp()
    await parts.servers.put(registration, credentials, requester)
    await parts.servers.remove(serial, requester)
    expect(await refs(parts)).toEqual([])
    expect((await parts.history(stream)).map(({ type }) => type)).toEqual(['server.registered', 'server.removed'])
    await expect(parts.servers.access(serial)).rejects.toMatchObject(refusedAs('unknown_server'))
    await expect(parts.servers.remove(serial, requester)).rejects.toMatchObject(refusedAs('unknown_server'))
    expect(await parts.servers.put(registration, credentials, requester)).toEqual({ created: true })
    expect(await (await parts.servers.access(serial)).unseal()).toEqual(credentials)
  })

  test('is refused for a server that nobody knows and for one that a job holds', async () => {
    const parts = await setUp()
    await expect(parts.servers.remove('SN-0404', requester)).rejects.toMatchObject(refusedAs('unknown_server'))
    await parts.servers.put(registration, credentials, requester)
    await parts.requestJob(serial)
    await expect(parts.servers.remove(serial, requester)).rejects.toMatchObject(refusedAs('active_job'))
  })
})

test('credentials that are not there or were sealed with another key do not open', async () => {
  const parts = await setUp()
  await parts.servers.put(registration, credentials, requester)
  await parts.db.delete(sealed)
  const { unseal } = await parts.servers.access(serial)
  await expect(unseal()).rejects.toBeInstanceOf(UnsealError)
})

describe('asking a BMC', () => {
  test('for a probe answers with its outcome', async () => {
    const parts = await setUp()
    perform(parts, scriptedServices())
    await parts.servers.put(registration, credentials, requester)
    expect(await parts.servers.probe(serial, soon())).toMatchObject({ type: 'server.probe.succeeded' })
  })

  test('for power answers with its outcome', async () => {
    const parts = await setUp()
    perform(parts, scriptedServices())
    await parts.servers.put(registration, credentials, requester)
    expect(await parts.servers.power(serial, 'off', soon())).toMatchObject({ type: 'server.power.succeeded' })
    expect((await parts.history(stream)).find(({ type }) => type === 'server.power.requested')).toMatchObject({
      actor: 'principal:alice',
      data: { action: 'off' },
    })
  })

  test('that does not come to an answer in time is told to be still under way', async () => {
    const parts = await setUp()
    await parts.servers.put(registration, credentials, requester)
    const impatient = { requester, signal: AbortSignal.timeout(50) }
    await expect(parts.servers.probe(serial, impatient)).rejects.toMatchObject(refusedAs('still_under_way'))
  })

  test('for power while another action is under way is refused', async () => {
    const parts = await setUp()
    await parts.servers.put(registration, credentials, requester)
    const impatient = { requester, signal: AbortSignal.timeout(50) }
    await expect(parts.servers.power(serial, 'off', impatient)).rejects.toMatchObject(refusedAs('still_under_way'))
    await expect(parts.servers.power(serial, 'on', soon())).rejects.toMatchObject(refusedAs('power_busy'))
  })

  test('for power while a job holds the server is refused, a probe is not', async () => {
    const parts = await setUp()
    await parts.servers.put(registration, credentials, requester)
    const jobId = await parts.requestJob(serial)
    await expect(parts.servers.power(serial, 'off', soon())).rejects.toMatchObject({
      refusal: { kind: 'active_job', jobId },
    })
    perform(parts, scriptedServices())
    expect(await parts.servers.probe(serial, soon())).toMatchObject({ type: 'server.probe.succeeded' })
  })

  test('of a server that nobody knows is refused', async () => {
    const parts = await setUp()
    await expect(parts.servers.probe('SN-0404', soon())).rejects.toMatchObject(refusedAs('unknown_server'))
    await expect(parts.servers.power('SN-0404', 'on', soon())).rejects.toMatchObject(refusedAs('unknown_server'))
  })
})
