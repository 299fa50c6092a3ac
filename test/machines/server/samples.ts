/** One event of every type of a server, as it would be recorded. */
import type { DomainEvent } from '../../../machines/event.ts'
import type { ServerEvent, ServerEventData, serverEvents } from '../../../machines/server/events.ts'

export type ServerEventType = keyof typeof serverEvents
type Samples = { readonly [Type in ServerEventType]: ServerEventData<Type> }

export const firstJob = '0199e1d2-7c4e-7a10-8f00-000000000001'
export const secondJob = '0199e1d2-7c4e-7a10-8f00-000000000002'
export const dirtySlots = { maintenance: '/redfish/v1/VirtualMedia/1', task: '/redfish/v1/VirtualMedia/2' }

export const registration: ServerEventData<'server.registered'> = {
  serial: 'SN-0001',
  bmc_address: 'https://192.0.2.10',
  credentials_ref: 'bmc/SN-0001/1',
  vendor: null,
  tls: { mode: 'pinned', fingerprint: null },
  labels: { rack: '7' },
}

const recording = '0199e1d2-7c4e-7a10-8f00-0000000000a1'
const failure = { kind: 'unreachable', message: '[GET] /redfish/v1: no answer' }
const override = { enabled: 'Disabled', target: 'None', mode: 'UEFI' }
const power = { power_state: 'On', last_reset_time: null, boot_progress: null }

const samples: Samples = {
  'server.registered': registration,
  'server.changed': { ...registration, bmc_address: 'https://192.0.2.11', credentials_ref: 'bmc/SN-0001/2' },
  'server.removed': {},
  'server.reserved': { job_id: firstJob },
  'server.released': { job_id: firstJob, outcome: 'succeeded', cleanup: 'clean', slots: dirtySlots, power_on: false },
  'server.probe.requested': {},
  'server.probe.succeeded': {
    description: {
      vendor: 'generic',
      model: 'R1',
      serial: 'SN-0001',
      redfish_version: '1.15.0',
      system: { id: '1', name: null, bios_version: '2.0', why: 'it is the only one' },
      manager: { id: '1', model: null, firmware: '1.0', why: 'it is the only one' },
      licence: null,
      slots: Object.values(dirtySlots).map((id) => ({
        id,
        name: 'Virtual CD',
        media_types: ['CD'],
        takes: ['cd'],
        operation: 'action',
        inserted: false,
      })),
      passed_over: [],
      layout: { kind: 'two-cds', ...dirtySlots },
      boot: { targets: ['Cd'], cd_target: 'Cd', modes: ['UEFI'], written_to: 'system', override },
      reset_types: ['On', 'ForceOff'],
      reset_types_from: 'action',
      etags: 'given',
      power,
      session: 'session',
      tls: 'pinned',
      findings: [],
    },
    fingerprint: 'b'.repeat(64),
    elapsed_ms: 200,
  },
  'server.probe.failed': failure,
  'server.certificate.pinned': { fingerprint: 'b'.repeat(64) },
  'server.certificate.accepted': { fingerprint: 'd'.repeat(64) },
  'server.power.requested': { action: 'restart' },
  'server.power.succeeded': { attempts: 1, elapsed_ms: 9, sent: ['On'], evidence: 'power-state', after: power },
  'server.power.failed': failure,
  'bmc.capability.learned': {
    learned: { insert: { method: 'POST', with: { Inserted: true } }, sessions: '/redfish/v1/SessionService/Sessions' },
    job_id: firstJob,
  },
  'server.cleanup.retry.elapsed': {},
  'server.cleanup.succeeded': { warnings: [] },
  'server.cleanup.failed': failure,
  'actor.stall.observed': { reason: 'reservation.orphaned', subject: firstJob, repaired: true },
  'server.recording.started': { recording_id: recording },
  'server.recording.ended': { recording_id: recording, reason: 'limit-reached', exchanges: 5000, lost: 2 },
}

export const serverEventTypes = Object.keys(samples) as ServerEventType[]

/** The sample of a type, with what the test is about. */
export function happened<Type extends ServerEventType>(
  type: Type,
  about: Partial<ServerEventData<Type>> = {},
): Extract<ServerEvent, { type: Type }> {
  return { type, data: { ...samples[type], ...about } } as Extract<ServerEvent, { type: Type }>
}

/** Registered and probed. */
export const reachable: readonly DomainEvent[] = [happened('server.registered'), happened('server.probe.succeeded')]

export const reserved: readonly DomainEvent[] = [...reachable, happened('server.reserved')]

/** Released by a job that could not empty the slots. */
export const leftDirty: readonly DomainEvent[] = [...reserved, happened('server.released', { cleanup: 'dirty' })]
