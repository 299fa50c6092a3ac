/**
 * Hostile BMCs cost their own jobs one clear failure within the budget, and nobody else anything (spec/security.md): whole
 * jobs on a controller, with BMCs that are hostile from the start, and with ones that turn once a medium is in.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { StoredEvent } from '../../../eventstore/log/event.ts'
import { completed, expectSoundEnd, type Site, startSite, submit } from '../rig/site.ts'
import * as hostile from './bmc.ts'

/** How long a BMC has for an answer: long enough for an honest one beside 22 others, as two of them use it up. */
const answerMs = 3000
/** Budgets that no failure comes near; only a cleanup that gets no answer uses its own up. */
const [redfishMs, cleanupMs] = [120_000, 20_000]
/** For the controller to write its events down, on a machine that has more to do. */
const slackMs = 60_000

type Case = {
  readonly name: string
  readonly hostility: hostile.Hostility | null
  readonly kind: string
  readonly says: RegExp
  /** Where a BMC that turns once a medium is in makes another failure. */
  readonly later?: { readonly kind: string; readonly says: RegExp }
}

const cases: readonly Case[] = [
  { name: 'a body without end', hostility: hostile.endlessBody, kind: 'malformed', says: /more than 1048576 bytes/ },
  { name: '100 MB of JSON', hostility: hostile.hugeJson, kind: 'malformed', says: /more than 1048576 bytes/ },
  { name: 'deep nesting', hostility: hostile.deepNesting, kind: 'malformed', says: /deeper than 64 levels/ },
  {
    name: 'cyclic links',
    hostility: hostile.cyclicLinks,
    kind: 'unsupported',
    says: /several Systems .* and \d+ more/,
    later: { kind: 'malformed', says: /neither Image nor Inserted/ },
  },
  { name: 'slow bytes', hostility: hostile.slowBytes, kind: 'timeout', says: /no complete answer within 3000 ms/ },
  { name: 'silence', hostility: hostile.silence, kind: 'timeout', says: /no (complete )?answer within 3000 ms/ },
  { name: 'headers without end', hostility: hostile.endlessHeaders, kind: 'malformed', says: /not HTTP/ },
  { name: 'redirects to another host', hostility: hostile.redirectElsewhere, kind: 'malformed', says: /another host/ },
  {
    name: 'absolute links to another host',
    hostility: hostile.linksElsewhere,
    kind: 'malformed',
    says: /another host/,
  },
  {
    name: 'wrong types everywhere',
    hostility: hostile.wrongTypes,
    kind: 'malformed',
    says: /link that is not a|is not a (string|boolean)/,
  },
  { name: 'another certificate', hostility: null, kind: 'tls', says: /certificate changed.*Accept the new one if/ },
]

const moments = ['at once', 'after the first insert'] as const
const table = cases.flatMap((about) => moments.map((moment) => ({ ...about, moment })))
type Trial = (typeof table)[number]
const serialOf = (index: number) => `S${index + 2}`

let site: Site
const bmcs: hostile.HostileBmc[] = []
const requestsElsewhere: string[] = []
const otherHost = createServer((request, response) => {
  requestsElsewhere.push(request.url ?? '')
  response.end('{}')
})

/** By server; all of them run at the same time. S1 is the server of somebody else. */
const jobs = new Map<string, string>()

/** Registers the hostile BMC in front of a simulated one. What has a certificate is pinned on first use. */
async function submitTo(serial: string, { hostility, moment }: Trial, elsewhere: string): Promise<string> {
  const simulated = site.simulator.bmc(serial)
  const bmc = await hostile.startHostileBmc({ bmc: simulated, hostility, turns: moment, elsewhere })
  bmcs.push(bmc)
  const body = {
    bmc_address: bmc.url,
    bmc_username: simulated.username,
    bmc_password: simulated.password,
    ...(hostility === null ? { tls: { mode: 'pinned', fingerprint: null } } : {}),
  }
  await site.client.request(`/api/v1/servers/${serial}`, { method: 'PUT', body })
  if (hostility === null) {
    await site.client.request(`/api/v1/servers/${serial}/probe`, { method: 'POST', body: {} })
    if (moment === 'at once') bmc.turn()
  }
  return submit(site.client, serial)
}

beforeAll(async () => {
  otherHost.listen(0, '127.0.0.1')
  await once(otherHost, 'listening')
  const elsewhere = `http://localhost:${(otherHost.address() as AddressInfo).port}`
  site = await startSite({
    bmcs: [{}, ...table.map(() => ({}))],
    settings: {
      REDFISH_TIMEOUT: `${answerMs}ms`,
      REDFISH_RETRIES: '1',
      BUDGET_REDFISH: `${redfishMs}ms`,
      BUDGET_CLEANUP: `${cleanupMs}ms`,
    },
  })
  await Promise.all(
    table.map(async (trial, index) => jobs.set(serialOf(index), await submitTo(serialOf(index), trial, elsewhere))),
  )
  jobs.set('S1', await submit(site.client, 'S1'))
})
afterAll(async () => {
  await site.stop()
  for (const bmc of bmcs) await bmc.close()
  otherHost.close()
})

const between = (from: StoredEvent | undefined, to: StoredEvent | undefined) =>
  Date.parse(to?.at ?? '') - Date.parse(from?.at ?? '')

test('somebody else installs meanwhile', async () => {
  const jobId = jobs.get('S1') ?? ''
  expect(await completed(site.client, jobId)).toMatchObject({ outcome: 'succeeded', cleanup: 'clean' })
  await expectSoundEnd(site.client, jobId, site.simulator.bmc('S1'))
})

test.each(table.map((trial, index) => ({ ...trial, index })))(
  '$name, $moment: one clear failure within the budget, and the server is free again',
  async ({ index, moment, ...trial }) => {
    const jobId = jobs.get(serialOf(index)) ?? ''
    const job = await completed(site.client, jobId)
    const events = await expectSoundEnd(site.client, jobId, null)
    const failed = events.filter(({ type }) => /^redfish\..*\.(failed|elapsed)$/.test(type))
    const { kind, says } = moment === 'at once' ? trial : (trial.later ?? trial)
    expect(failed.map(({ data }) => data)).toMatchObject([{ kind, message: expect.stringMatching(says) }])
    expect(job).toMatchObject({ outcome: 'failed', failure: { kind } })
    // Where the slots are known by now, their links are not followed again.
    expect(job.failed_step).toMatch(
      moment === 'at once' ? /^redfish.discover$/ : /^redfish.(mount|boot-override|reset)/,
    )
    // Nobody claims that the medium is out which nobody saw going out.
    expect(job.cleanup).toBe(moment === 'at once' ? 'clean' : 'dirty')
    const began = events.find(({ type }) => type === 'iso.build.succeeded')
    expect(between(began, failed[0])).toBeLessThan(redfishMs)
    expect(between(failed[0], events.at(-1))).toBeLessThan(cleanupMs + slackMs)
  },
)

test('a certificate that was renewed is accepted by an operator, and the next job installs', async () => {
  const serial = serialOf(table.findIndex(({ hostility, moment }) => hostility === null && moment === 'at once'))
  const refused = await completed(site.client, jobs.get(serial) ?? '')
  const [, fingerprint] = /the BMC presents ([0-9a-f]{64})/.exec(refused.failure?.message ?? '') ?? []
  await site.client.request(`/api/v1/servers/${serial}/certificate`, { method: 'POST', body: { fingerprint } })
  const jobId = await submit(site.client, serial)
  expect(await completed(site.client, jobId)).toMatchObject({ outcome: 'succeeded', cleanup: 'clean' })
  const { events } = await site.client.request<{ events: readonly StoredEvent[] }>(`/api/v1/servers/${serial}/events`)
  const facts = events.filter(({ type }) => type.startsWith('server.certificate.'))
  expect(facts.map(({ type, actor }) => [type, actor.split(':')[0]])).toEqual([
    ['server.certificate.pinned', 'controller'],
    ['server.certificate.accepted', 'principal'],
  ])
})

test('nothing was asked of the other host', async () => {
  await Promise.all([...jobs.values()].map((jobId) => completed(site.client, jobId)))
  expect(requestsElsewhere).toEqual([])
})
