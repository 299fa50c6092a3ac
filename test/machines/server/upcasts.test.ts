// Probes and cleanups as the first version recorded them, read today: what was not recorded is unknown.
import { describe, expect, test } from 'vitest'
import { InvalidEventError } from '../../../machines/event.ts'
import { kinds, readRecorded } from '../../../machines/kinds.ts'
import { describedToday } from '../../../machines/server/description.ts'
import { evolveOf, fold } from '../given.ts'
import { happened, registration } from './samples.ts'

const power = { power_state: 'On', last_reset_time: null, boot_progress: null }
const layout = { kind: 'two-cds', maintenance: '/vm/1', task: '/vm/2' } as const

/** A whole one of version 1, byte for byte what its shape had. */
const first = {
  vendor: 'dell',
  model: 'R750',
  serial: 'SN-0001',
  redfish_version: '1.15.0',
  system: { id: '1', name: 'System', bios_version: '2.1' },
  manager: { id: '1', model: '14G Monolithic', firmware: '6.00' },
  slots: [{ id: '/vm/1', name: 'CD1', media_types: ['CD'], inserted: false }],
  layout,
  boot: { targets: ['Cd'], cd_target: 'Cd', modes: ['UEFI'] },
  reset_types: ['On'],
  power,
  session: 'session',
  tls: 'pinned',
  findings: [{ code: 'single-slot', severity: 'info', message: 'One.', advice: 'Nothing to do.' }],
}
const today = {
  ...first,
  licence: null,
  system: { ...first.system, why: null },
  manager: { ...first.manager, why: null },
  slots: [{ ...first.slots[0], takes: null, operation: null }],
  passed_over: null,
  boot: { ...first.boot, written_to: null, override: null },
  reset_types_from: null,
  etags: null,
}
const probed = (description: unknown, schema_version: number) => ({
  type: 'server.probe.succeeded',
  schema_version,
  data: { description, fingerprint: null, elapsed_ms: 42 },
})

describe('a probe of version 1', () => {
  test('says what it recorded, and null of what it did not', () => {
    expect(readRecorded(kinds.server, probed(first, 1))).toEqual(probed(today, 2))
  })

  test('is refused where it is not of its version, without its data', () => {
    const broken = probed({ password: 'hunter2' }, 1)
    expect(() => readRecorded(kinds.server, broken)).toThrow(InvalidEventError)
    expect(() => readRecorded(kinds.server, broken)).toThrow(/^server.probe.succeeded has data that are not of its/)
  })

  test('taken for one of today is refused', () => {
    expect(() => readRecorded(kinds.server, probed(first, 2))).toThrow('has data of another shape')
  })

  test('leads a server to the state that one of today does', () => {
    const { next } = evolveOf('server')
    const registered = fold('server', [happened('server.registered')])
    const { snapshot } = next(registered, probed(first, 1))
    expect(snapshot.value).toMatchObject({ active: { probe: 'reachable' } })
    expect(snapshot.context).toMatchObject({ serial: registration.serial, description: today })
  })
})

test('a description of today is left as it is, as one that was brought up once is', () => {
  const { data } = happened('server.probe.succeeded') as { data: { description: Parameters<typeof describedToday>[0] } }
  expect(describedToday(data.description)).toEqual(data.description)
  expect(describedToday(describedToday(first))).toEqual(today)
})

test('a cleanup of version 1 does not say whether it noticed anything', () => {
  const cleaned = { type: 'server.cleanup.succeeded', schema_version: 1, data: {} }
  expect(readRecorded(kinds.server, cleaned)).toEqual({ ...cleaned, schema_version: 2, data: { warnings: null } })
})
