/**
 * A job: one run of one recipe on one server (spec/job.md). Pure: side effects are `invoke`d by name, deadlines are
 * `after`; `evolve.ts` turns both into data. Read it from `queued` down; the order of the states is the order of a run.
 *
 *   queued → provisioning → cleaningUp → releasing → complete
 *
 * Whatever ends `provisioning` sets the outcome once; cleanup follows on every path and never changes it.
 */
import { type ActorRefFrom, assign, type SnapshotFrom, setup } from 'xstate'
import { effect } from '../effect.ts'
import type { FailureData } from '../event.ts'
import { initialContext, type JobContext, type JobServices } from './context.ts'
import type { Budgets, JobEvent, JobRequested } from './events.ts'
import { bySerial, mediumSource, releaseOf, slotsOf } from './inputs.ts'
import { taskFormOf } from './layout.ts'
import { failureKeyOfUnit, type StepKey } from './steps.ts'

/** Bumped when the meaning of a stored state changes; a snapshot of another version is rebuilt from the log. */
export const jobMachineVersion = '1'

const deliveryIdsMax = 64

const mediumOf = ({ sha256, bytes }: { readonly sha256: string; readonly bytes: number }) => ({ sha256, bytes })

type Effect<Name extends keyof JobServices> = ReturnType<
  typeof effect<JobServices[Name]['output'], JobServices[Name]['input']>
>

const jobSetup = setup({
  types: {} as { context: JobContext; input: JobRequested; events: JobEvent },
  actors: {
    admitJob: effect() as Effect<'admitJob'>,
    buildIso: effect() as Effect<'buildIso'>,
    discover: effect() as Effect<'discover'>,
    buildMedium: effect() as Effect<'buildMedium'>,
    mountMaintenance: effect() as Effect<'mountMaintenance'>,
    mountTask: effect() as Effect<'mountTask'>,
    setBootOverride: effect() as Effect<'setBootOverride'>,
    resetHost: effect() as Effect<'resetHost'>,
    pollHost: effect() as Effect<'pollHost'>,
    powerOffHost: effect() as Effect<'powerOffHost'>,
    unmountMedia: effect() as Effect<'unmountMedia'>,
    clearBootOverride: effect() as Effect<'clearBootOverride'>,
    powerOnHost: effect() as Effect<'powerOnHost'>,
    releaseServer: effect() as Effect<'releaseServer'>,
  },
  delays: {
    'job.admission': ({ context }) => context.budgets.job_ms,
    job: ({ context }) => context.budgets.job_ms,
    'iso.build': ({ context }) => context.budgets.iso_build_ms,
    redfish: ({ context }) => context.budgets.redfish_ms,
    'redfish.poll': ({ context }) => context.budgets.redfish_poll_ms,
    'webhook.wait': ({ context }) => context.budgets.webhook_wait_ms,
    cleanup: ({ context }) => context.budgets.cleanup_ms,
    'server.release.retry': 30_000,
  },
  actions: {
    begin: assign((_, params: { step: StepKey }) => ({ step: params.step })),
    recordFailure: assign(({ context, event }) => ({
      outcome: 'failed' as const,
      failedStep: keyOf(context.step),
      failure: failureOf(event),
    })),
    recordElapsed: assign(({ context }, params: { budget: string; budgetMs: number }) => ({
      outcome: 'failed' as const,
      failedStep: keyOf(context.step),
      failure: {
        kind: 'budget',
        message: `${context.step} was not done within its budget (${params.budget}: ${params.budgetMs} ms)`,
      },
    })),
    recordCancel: assign(({ context }) => ({
      outcome: 'cancelled' as const,
      failedStep: null,
      failure: null,
      step: context.step,
    })),
    recordReport: assign(({ context, event }) => {
      const { data } = event as Extract<JobEvent, { type: 'report.received' }>
      const known = { deliveryIds: remember(context.deliveryIds, data.delivery_id) }
      if (data.status === 'success') return { ...known, outcome: 'succeeded' as const }
      const unit = data.failed_step ?? 'unknown'
      return {
        ...known,
        outcome: 'failed' as const,
        failedStep: failureKeyOfUnit(unit),
        failure: { kind: 'report', message: `the maintenance OS reported that ${unit} failed`, unit },
      }
    }),
    recordCleanupFault: assign(({ context, event }) => ({
      cleanupFaults: [...context.cleanupFaults, { step: context.step, failure: failureOf(event) }],
    })),
    recordCleanupElapsed: assign(({ context }) => ({
      cleanupFaults: [
        ...context.cleanupFaults,
        {
          step: context.step,
          failure: { kind: 'budget', message: `cleanup was not done within ${context.budgets.cleanup_ms} ms` },
        },
      ],
    })),
    judgeCleanup: assign(({ context }) => ({
      cleanup: context.cleanupFaults.length === 0 ? ('clean' as const) : ('dirty' as const),
    })),
  },
  guards: {
    hostRestarted: ({ context }) => context.hostRestarted,
    bmcTouched: ({ context }) => context.bmcTouched,
  },
})

/** The end of `provisioning`, wherever in it a step failed. */
const failed = { target: '#job.cleaningUp', actions: 'recordFailure' } as const
const cancelled = { target: '#job.cleaningUp', actions: 'recordCancel' } as const
const reported = { target: '#job.cleaningUp', actions: 'recordReport' } as const

/** What a passed deadline does: the step that was under way is blamed, with the budget it overran. */
const timedOut = (budget: string, setting: keyof Budgets) =>
  ({
    target: '#job.cleaningUp',
    actions: {
      type: 'recordElapsed',
      params: ({ context }: { context: JobContext }) => ({ budget, budgetMs: context.budgets[setting] }),
    },
  }) as const

export const jobMachine = jobSetup.createMachine({
  id: 'job',
  version: jobMachineVersion,
  context: ({ input }) => initialContext(input),
  initial: 'queued',
  // Facts that change no state are accepted everywhere: what came late is still visible in the history.
  on: {
    'media.read.observed': {
      actions: assign({
        mediaReads: ({ context, event }) => ({ ...context.mediaReads, [event.data.medium]: event.data }),
      }),
    },
    'report.duplicated': {
      actions: assign({ deliveryIds: ({ context, event }) => remember(context.deliveryIds, event.data.delivery_id) }),
    },
    'actor.stall.observed': { actions: assign({}) },
  },
  states: {
    queued: {
      on: { 'cancel.requested': cancelled },
      after: {
        'job.admission': timedOut('job', 'job_ms'),
      },
      invoke: { id: 'job.admission', src: 'admitJob', input: bySerial, onDone: 'provisioning', onError: failed },
    },

    provisioning: {
      initial: 'buildingIso',
      on: {
        'cancel.requested': cancelled,
        'progress.reported': { actions: assign({ progress: ({ event }) => event.data }) },
      },
      after: {
        job: timedOut('job', 'job_ms'),
      },
      states: {
        buildingIso: {
          entry: { type: 'begin', params: { step: 'iso.build' } },
          after: {
            'iso.build': timedOut('iso.build', 'iso_build_ms'),
          },
          invoke: {
            id: 'iso.build',
            src: 'buildIso',
            input: ({ context }) => ({
              ...bySerial({ context }),
              recipeRef: context.recipeRef,
              createdAt: context.createdAt,
            }),
            onDone: {
              target: 'redfish',
              actions: assign({ taskIso: ({ event }) => mediumOf(event.output) }),
            },
            onError: failed,
          },
        },

        redfish: {
          initial: 'discovering',
          after: {
            redfish: timedOut('redfish', 'redfish_ms'),
          },
          states: {
            discovering: {
              entry: { type: 'begin', params: { step: 'redfish.discover' } },
              invoke: {
                id: 'redfish.discover',
                src: 'discover',
                input: bySerial,
                onDone: [
                  {
                    guard: ({ event }) => taskFormOf(event.output.layout.kind) === 'iso',
                    target: 'mountingMaintenance',
                    actions: assign({ layout: ({ event }) => event.output.layout }),
                  },
                  { target: 'buildingMedium', actions: assign({ layout: ({ event }) => event.output.layout }) },
                ],
                onError: failed,
              },
            },
            // The slots take the task files in another form than the ISO. What has both media in one goes in at once.
            buildingMedium: {
              entry: { type: 'begin', params: { step: 'media.build' } },
              invoke: {
                id: 'media.build',
                src: 'buildMedium',
                input: ({ context }) => mediumSource(context),
                onDone: [
                  {
                    guard: ({ event }) => event.output.form === 'merged',
                    target: 'mountingTask',
                    actions: assign({ taskIso: ({ event }) => mediumOf(event.output) }),
                  },
                  {
                    target: 'mountingMaintenance',
                    actions: assign({ taskIso: ({ event }) => mediumOf(event.output) }),
                  },
                ],
                onError: failed,
              },
            },
            mountingMaintenance: {
              entry: [{ type: 'begin', params: { step: 'redfish.mount.maintenance' } }, assign({ bmcTouched: true })],
              invoke: {
                id: 'redfish.mount.maintenance',
                src: 'mountMaintenance',
                input: ({ context }) => ({
                  ...bySerial({ context }),
                  slot: slotsOf(context).maintenance,
                  url: context.maintenanceIsoUrl,
                }),
                onDone: 'mountingTask',
                onError: failed,
              },
            },
            mountingTask: {
              entry: [{ type: 'begin', params: { step: 'redfish.mount.task' } }, assign({ bmcTouched: true })],
              invoke: {
                id: 'redfish.mount.task',
                src: 'mountTask',
                input: ({ context }) => ({
                  ...bySerial({ context }),
                  slot: slotsOf(context).task,
                  sha256: context.taskIso?.sha256 ?? '',
                  form: taskFormOf(context.layout?.kind ?? ''),
                }),
                onDone: 'settingBootOverride',
                onError: failed,
              },
            },
            settingBootOverride: {
              entry: { type: 'begin', params: { step: 'redfish.boot-override' } },
              invoke: {
                id: 'redfish.boot-override',
                src: 'setBootOverride',
                input: bySerial,
                onDone: 'resetting',
                onError: failed,
              },
            },
            resetting: {
              entry: { type: 'begin', params: { step: 'redfish.reset' } },
              on: {
                // Requested and observed are two facts: from here on the host may be writing its disk.
                'redfish.reset.requested': {
                  actions: assign({ hostRestarted: true, resets: ({ context }) => context.resets + 1 }),
                },
                'redfish.reset.resolved': { actions: assign({ hostRestarted: true }) },
                // A host can only report after it was restarted: its word is the observation.
                'report.received': { ...reported, guard: 'hostRestarted' },
              },
              invoke: {
                id: 'redfish.reset',
                src: 'resetHost',
                input: bySerial,
                onDone: '#job.provisioning.polling',
                onError: failed,
              },
            },
          },
        },

        polling: {
          entry: { type: 'begin', params: { step: 'redfish.poll' } },
          on: { 'report.received': reported },
          after: {
            'redfish.poll': timedOut('redfish.poll', 'redfish_poll_ms'),
          },
          invoke: { id: 'redfish.poll', src: 'pollHost', input: bySerial, onDone: 'waitingForReport', onError: failed },
        },

        waitingForReport: {
          entry: { type: 'begin', params: { step: 'webhook.wait' } },
          on: { 'report.received': reported },
          after: {
            'webhook.wait': timedOut('webhook.wait', 'webhook_wait_ms'),
          },
        },
      },
    },

    // Host off → media out → override cleared → host on. A host that this job never restarted does not run from our
    // media, so it is left alone. A step that fails is remembered and the next one is tried all the same.
    cleaningUp: {
      initial: 'deciding',
      after: { cleanup: { target: 'releasing', actions: 'recordCleanupElapsed' } },
      states: {
        deciding: {
          always: [
            { guard: 'hostRestarted', target: 'poweringOff' },
            { guard: 'bmcTouched', target: 'unmounting' },
            { target: '#job.releasing' },
          ],
        },
        poweringOff: {
          entry: { type: 'begin', params: { step: 'cleanup.power-off' } },
          invoke: {
            id: 'cleanup.power-off',
            src: 'powerOffHost',
            input: bySerial,
            onDone: { target: 'unmounting', actions: assign({ hostOff: true }) },
            onError: { target: 'unmounting', actions: 'recordCleanupFault' },
          },
        },
        unmounting: {
          entry: { type: 'begin', params: { step: 'cleanup.unmount' } },
          invoke: {
            id: 'cleanup.unmount',
            src: 'unmountMedia',
            input: ({ context }) => ({ ...bySerial({ context }), ...slotsOf(context) }),
            onDone: 'clearingBootOverride',
            onError: { target: 'clearingBootOverride', actions: 'recordCleanupFault' },
          },
        },
        clearingBootOverride: {
          entry: { type: 'begin', params: { step: 'cleanup.boot-override' } },
          invoke: {
            id: 'cleanup.boot-override',
            src: 'clearBootOverride',
            input: bySerial,
            onDone: 'decidingOnPower',
            onError: { target: 'decidingOnPower', actions: 'recordCleanupFault' },
          },
        },
        decidingOnPower: {
          always: [{ guard: 'hostRestarted', target: 'poweringOn' }, { target: '#job.releasing' }],
        },
        poweringOn: {
          entry: { type: 'begin', params: { step: 'cleanup.reset' } },
          invoke: {
            id: 'cleanup.reset',
            src: 'powerOnHost',
            input: bySerial,
            onDone: { target: '#job.releasing', actions: assign({ hostOff: false }) },
            onError: { target: '#job.releasing', actions: 'recordCleanupFault' },
          },
        },
      },
    },

    releasing: {
      entry: ['judgeCleanup', { type: 'begin', params: { step: 'server.release' } }],
      initial: 'asking',
      states: {
        asking: {
          invoke: {
            id: 'server.release',
            src: 'releaseServer',
            input: ({ context }) => ({
              ...bySerial({ context }),
              ...releaseOf(context),
            }),
            onDone: '#job.complete',
            onError: 'waiting',
          },
        },
        waiting: { after: { 'server.release.retry': 'asking' } },
      },
    },

    // Not XState's `final`: reports that come late must still be recorded.
    complete: { tags: ['ended'] },
  },
})

export type JobSnapshot = SnapshotFrom<ActorRefFrom<typeof jobMachine>>

/** The failure key of a step: what admission checks is called by its own name (spec/job.md). */
function keyOf(step: StepKey): string {
  return step === 'job.admission' ? 'validation.server' : step
}

function failureOf(event: unknown): FailureData {
  return (event as { error: FailureData }).error
}

function remember(ids: readonly string[], id: string | null): readonly string[] {
  return id === null || ids.includes(id) ? ids : [...ids, id].slice(-deliveryIdsMax)
}
