/**
 * A server: the known facts about one machine, and the job that may work on it (spec/job.md "Server"). It serialises
 * jobs: `reserved` holds one job at a time, and the event that reserves it is appended together with the job's first.
 *
 * Regions are parallel because reads of a server never wait for its job: it can be probed while it is reserved.
 */
import { type ActorRefFrom, assign, type SnapshotFrom, setup } from 'xstate'
import type { FailureData } from '../event.ts'
import { effect } from '../evolve.ts'
import type { DescriptionData } from './description.ts'
import type { PowerAction, ServerEvent, ServerEventData, ServerRegistration, TlsPolicyData } from './events.ts'
import type { LearnedData } from './learned.ts'

/** Bumped when the meaning of a stored state changes, as with a description of another shape (job/machine.ts). */
export const serverMachineVersion = '3'

type Slots = { readonly maintenance: string; readonly task: string }

type ServerContext = {
  readonly serial: string
  readonly bmcAddress: string
  readonly credentialsRef: string
  readonly vendor: string | null
  readonly tls: TlsPolicyData
  readonly labels: Readonly<Record<string, string>>
  readonly jobId: string | null
  readonly lastJobId: string | null
  /** The findings of the last successful probe; kept until the registration changes. */
  readonly description: DescriptionData | null
  /** The lessons that the client learned about the BMC; kept as long as the description. */
  readonly learned: LearnedData | null
  readonly probeFailure: FailureData | null
  readonly powerAction: PowerAction | null
  readonly powerFailure: FailureData | null
  /** Slots that the last job could not empty. */
  readonly dirtySlots: Slots | null
  /** The last job switched the host off and could not switch it on again. */
  readonly owedPowerOn: boolean
  readonly cleanupTries: number
}

type Serial = { readonly serial: string }

export type ServerServices = {
  probeServer: { input: Serial; output: ServerEventData<'server.probe.succeeded'> }
  switchPower: { input: Serial & { readonly action: PowerAction }; output: ServerEventData<'server.power.succeeded'> }
  cleanUpServer: {
    input: Serial & Slots & { readonly powerOn: boolean }
    output: ServerEventData<'server.cleanup.succeeded'>
  }
}

type Effect<Name extends keyof ServerServices> = ReturnType<
  typeof effect<ServerServices[Name]['output'], ServerServices[Name]['input']>
>

const cleanupRetryMinMs = 60_000
const cleanupRetryMaxMs = 3_600_000

const serverSetup = setup({
  types: {} as { context: ServerContext; input: ServerRegistration; events: ServerEvent },
  actors: {
    probeServer: effect() as Effect<'probeServer'>,
    switchPower: effect() as Effect<'switchPower'>,
    cleanUpServer: effect() as Effect<'cleanUpServer'>,
  },
  delays: {
    'server.cleanup.retry': ({ context }) => Math.min(cleanupRetryMinMs * 2 ** context.cleanupTries, cleanupRetryMaxMs),
  },
  actions: {
    register: assign(({ event }) => registration((event as Extract<ServerEvent, { type: 'server.registered' }>).data)),
    // The end of a registration ends its power action and its cleanup; a later registration starts without them.
    forget: assign({ powerAction: null, powerFailure: null, dirtySlots: null, owedPowerOn: false, cleanupTries: 0 }),
  },
  guards: {
    isHolder: ({ context, event }) =>
      (event as Extract<ServerEvent, { type: 'server.released' }>).data.job_id === context.jobId,
    isPinned: ({ context }) => context.tls.mode === 'pinned',
    leftDirty: ({ context, event }) => {
      const { data } = event as Extract<ServerEvent, { type: 'server.released' }>
      return data.job_id === context.jobId && data.cleanup === 'dirty' && data.slots !== null
    },
  },
})

export const serverMachine = serverSetup.createMachine({
  id: 'server',
  version: serverMachineVersion,
  context: ({ input }) => ({
    ...registration(input),
    jobId: null,
    lastJobId: null,
    powerAction: null,
    powerFailure: null,
    dirtySlots: null,
    owedPowerOn: false,
    cleanupTries: 0,
  }),
  initial: 'active',
  on: {
    'actor.stall.observed': { actions: assign({}) },
    'server.recording.started': { actions: assign({}) },
    'server.recording.ended': { actions: assign({}) },
  },
  states: {
    active: {
      type: 'parallel',
      states: {
        reservation: {
          initial: 'available',
          states: {
            available: {
              on: {
                'server.reserved': { target: 'reserved', actions: assign({ jobId: ({ event }) => event.data.job_id }) },
                'server.removed': { target: '#server.removed', actions: 'forget' },
              },
            },
            reserved: {
              on: {
                'server.released': {
                  guard: 'isHolder',
                  target: 'available',
                  actions: assign({ jobId: null, lastJobId: ({ event }) => event.data.job_id }),
                },
              },
            },
          },
        },
        probe: {
          initial: 'probing',
          // These stand in this region and not in `active`: a transition of the parallel state would restart all its
          // regions, and a reserved server would be free.
          on: {
            'server.changed': { target: '.probing', actions: 'register' },
            'server.certificate.accepted': {
              guard: 'isPinned',
              target: '.probing',
              actions: assign({
                tls: ({ context, event }) => ({ ...context.tls, fingerprint: event.data.fingerprint }),
              }),
            },
            'bmc.capability.learned': { actions: assign({ learned: ({ event }) => event.data.learned }) },
          },
          states: {
            unreachable: { on: { 'server.probe.requested': 'probing' } },
            reachable: { on: { 'server.probe.requested': 'probing' } },
            probing: {
              // A request joins the probe under way: it is recorded, and answered by the same outcome.
              on: {
                'server.probe.requested': { actions: assign({}) },
                'server.certificate.pinned': {
                  guard: 'isPinned',
                  actions: assign({ tls: ({ context, event }) => pinned(context.tls, event.data.fingerprint) }),
                },
              },
              invoke: {
                id: 'server.probe',
                src: 'probeServer',
                input: ({ context }) => ({ serial: context.serial }),
                onDone: {
                  target: 'reachable',
                  actions: assign({
                    description: ({ event }) => event.output.description,
                    probeFailure: null,
                    tls: ({ context, event }) => pinned(context.tls, event.output.fingerprint),
                  }),
                },
                onError: {
                  target: 'unreachable',
                  actions: assign({ probeFailure: ({ event }) => event.error as FailureData }),
                },
              },
            },
          },
        },
        power: {
          initial: 'idle',
          states: {
            idle: {
              on: {
                'server.power.requested': {
                  guard: ({ context }) => context.jobId === null,
                  target: 'switching',
                  actions: assign({ powerAction: ({ event }) => event.data.action, powerFailure: null }),
                },
              },
            },
            switching: {
              invoke: {
                id: 'server.power',
                src: 'switchPower',
                input: ({ context }) => ({ serial: context.serial, action: context.powerAction ?? 'on' }),
                onDone: { target: 'idle', actions: assign({ powerAction: null }) },
                onError: {
                  target: 'idle',
                  actions: assign({ powerAction: null, powerFailure: ({ event }) => event.error as FailureData }),
                },
              },
            },
          },
        },
        // The rest of a cleanup that its job could not finish. The next job empties the slots itself, so it takes over.
        media: {
          initial: 'clean',
          states: {
            clean: {
              on: {
                'server.released': {
                  guard: 'leftDirty',
                  target: 'dirty',
                  actions: assign({
                    dirtySlots: ({ event }) => event.data.slots,
                    owedPowerOn: ({ event }) => event.data.power_on,
                    cleanupTries: 0,
                  }),
                },
              },
            },
            dirty: {
              initial: 'waiting',
              on: {
                'server.reserved': {
                  target: 'clean',
                  actions: assign({ dirtySlots: null, owedPowerOn: false, cleanupTries: 0 }),
                },
              },
              states: {
                waiting: { after: { 'server.cleanup.retry': 'cleaning' } },
                cleaning: {
                  invoke: {
                    id: 'server.cleanup',
                    src: 'cleanUpServer',
                    input: ({ context }) => ({
                      serial: context.serial,
                      maintenance: context.dirtySlots?.maintenance ?? '',
                      task: context.dirtySlots?.task ?? '',
                      powerOn: context.owedPowerOn,
                    }),
                    onDone: {
                      target: '#server.active.media.clean',
                      actions: assign({ dirtySlots: null, owedPowerOn: false, cleanupTries: 0 }),
                    },
                    onError: {
                      target: 'waiting',
                      actions: assign({ cleanupTries: ({ context }) => context.cleanupTries + 1 }),
                    },
                  },
                },
              },
            },
          },
        },
      },
    },
    removed: {
      tags: ['ended'],
      on: { 'server.registered': { target: 'active', actions: 'register' } },
    },
  },
})

export type ServerSnapshot = SnapshotFrom<ActorRefFrom<typeof serverMachine>>

/** The context's fields that a registration sets; findings and lessons under the old registration no longer count. */
function registration(data: ServerRegistration) {
  return {
    serial: data.serial,
    bmcAddress: data.bmc_address,
    credentialsRef: data.credentials_ref,
    vendor: data.vendor,
    tls: data.tls,
    labels: data.labels,
    description: null,
    learned: null,
    probeFailure: null,
  }
}

function pinned(tls: TlsPolicyData, fingerprint: string | null): TlsPolicyData {
  return tls.mode === 'pinned' && tls.fingerprint === null ? { ...tls, fingerprint } : tls
}
