/** The compiler is what is tested here: an event that is not its actor's, or has other data, is no proposal. */
import { expect, test } from 'vitest'
import type { Proposal } from '../../actors/runtime.ts'
import type { ServiceContext } from '../../actors/service.ts'
import { jobStream, serverStream } from '../../machines/kinds.ts'

const job = jobStream('0199e1d2-0000-7000-8000-000000000001')
const server = serverStream('SN-0001')

test('only events of its actor, with their own data, are proposed', () => {
  const proposals: readonly Proposal[] = [
    { stream: job, events: [{ type: 'cancel.requested', data: { reason: null } }] },
    { stream: server, events: [{ type: 'server.removed', data: {} }] },
    // @ts-expect-error: misspelt.
    { stream: server, events: [{ type: 'server.relased', data: {} }] },
    // @ts-expect-error: other data than its own.
    { stream: job, events: [{ type: 'cancel.requested', data: { why: null } }] },
    // @ts-expect-error: more data than its own.
    { stream: server, events: [{ type: 'server.removed', data: { reason: 'sold' } }] },
    // @ts-expect-error: of another actor.
    { stream: server, events: [{ type: 'cancel.requested', data: { reason: null } }] },
    // @ts-expect-error: a stream of neither kind.
    { stream: 'batch-1', events: [] },
  ]
  expect(proposals).toHaveLength(7)
})

test('a service records only facts of its own actor', () => {
  const facts = (ofJob: ServiceContext<'job'>['record'], ofServer: ServiceContext<'server'>['record']) => [
    ofServer({ type: 'server.certificate.pinned', data: { fingerprint: '' } }),
    // @ts-expect-error: of another actor.
    ofJob({ type: 'server.certificate.pinned', data: { fingerprint: '' } }),
    // @ts-expect-error: other data than its own.
    ofServer({ type: 'server.certificate.pinned', data: { sha256: '' } }),
  ]
  expect(facts).toBeTypeOf('function')
})
