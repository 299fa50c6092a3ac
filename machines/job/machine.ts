/**
 * A job: one run of one recipe on one server (spec/job.md). Pure: side effects are `invoke`d by name, deadlines are
 * `after`; `evolve.ts` turns both into data. Read it from `queued` down; the order of the states is the order of a run.
 *
 *   queued → provisioning → cleaningUp → releasing → complete
 *
 * The event that ends `provisioning` sets the outcome, once; cleanup follows on every path and never changes it.
 */
import { type ActorRefFrom, assign, type SnapshotFrom } from 'xstate'
import { initialContext, type JobContext } from './context.ts'
import type { Budgets } from './events.ts'
import { bySerial, mediumSource, releaseOf, slotsOf } from './inputs.ts'
import { taskFormOf } from './layout.ts'
import { asks, begin, jobSetup, remember, step, touchBmc } from './setup.ts'

/** Bumped when the meaning of a stored state changes; a snapshot of another version is rebuilt from the log. */
export const jobMachineVersion = '1'

const mediumOf = ({ sha256, bytes }: { readonly sha256: string; readonly bytes: number }) => ({ sha256, bytes })

/** A failed step ends `provisioning`, also from a nested state. */
const failed = { target: '#job.cleaningUp', actions: 'recordFailure' } as const
const cancelled = { target: '#job.cleaningUp', actions: 'recordCancel' } as const
const reported = { target: '#job.cleaningUp', actions: 'recordReport' } as const

/** A passed deadline ends `provisioning` and blames the step under way, with the budget that it overran. */
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
  // Facts that change no state are accepted in all states, so that late ones are visible in the history too.
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
      invoke: asks('job.admission', 'admitJob').with({ input: bySerial, onDone: 'provisioning', onError: failed }),
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
          after: {
            'iso.build': timedOut('iso.build', 'iso_build_ms'),
          },
          ...step('iso.build', 'buildIso').with({
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
          }),
        },

        redfish: {
          initial: 'discovering',
          after: {
            redfish: timedOut('redfish', 'redfish_ms'),
          },
          states: {
            discovering: step('redfish.discover', 'discover').with({
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
            }),
            // The slots take the task files in another form than the ISO. A merged ISO is both media and mounted once.
            buildingMedium: step('media.build', 'buildMedium').with({
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
            }),
            mountingMaintenance: step('redfish.mount.maintenance', 'mountMaintenance', touchBmc).with({
              input: ({ context }) => ({
                ...bySerial({ context }),
                slot: slotsOf(context).maintenance,
                url: context.maintenanceIsoUrl,
              }),
              onDone: 'mountingTask',
              onError: failed,
            }),
            mountingTask: step('redfish.mount.task', 'mountTask', touchBmc).with({
              input: ({ context }) => ({
                ...bySerial({ context }),
                slot: slotsOf(context).task,
                sha256: context.taskIso?.sha256 ?? '',
                form: taskFormOf(context.layout?.kind ?? ''),
              }),
              onDone: 'settingBootOverride',
              onError: failed,
            }),
            settingBootOverride: step('redfish.boot-override', 'setBootOverride').with({
              input: bySerial,
              onDone: 'resetting',
              onError: failed,
            }),
            resetting: {
              on: {
                // The intent alone counts as a restart: from here on the host may be writing its disk.
                'redfish.reset.requested': {
                  actions: assign({ hostRestarted: true, resets: ({ context }) => context.resets + 1 }),
                },
                'redfish.reset.resolved': { actions: assign({ hostRestarted: true }) },
                // A host can report only after it was restarted, so its report proves the restart.
                'report.received': { ...reported, guard: 'hostRestarted' },
              },
              ...step('redfish.reset', 'resetHost').with({
                input: bySerial,
                onDone: '#job.provisioning.polling',
                onError: failed,
              }),
            },
          },
        },

        polling: {
          on: { 'report.received': reported },
          after: {
            'redfish.poll': timedOut('redfish.poll', 'redfish_poll_ms'),
          },
          ...step('redfish.poll', 'pollHost').with({ input: bySerial, onDone: 'waitingForReport', onError: failed }),
        },

        waitingForReport: {
          entry: begin('webhook.wait'),
          on: { 'report.received': reported },
          after: {
            'webhook.wait': timedOut('webhook.wait', 'webhook_wait_ms'),
          },
        },
      },
    },

    // Host off → media out → override cleared → host on. A host that this job never restarted does not run from our
    // media, so its power is left alone. A failed step is remembered as a fault, and the next step is tried even so.
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
        poweringOff: step('cleanup.power-off', 'powerOffHost').with({
          input: bySerial,
          onDone: { target: 'unmounting', actions: assign({ hostOff: true }) },
          onError: { target: 'unmounting', actions: 'recordCleanupFault' },
        }),
        unmounting: step('cleanup.unmount', 'unmountMedia').with({
          input: ({ context }) => ({ ...bySerial({ context }), ...slotsOf(context) }),
          onDone: 'clearingBootOverride',
          onError: { target: 'clearingBootOverride', actions: 'recordCleanupFault' },
        }),
        clearingBootOverride: step('cleanup.boot-override', 'clearBootOverride').with({
          input: bySerial,
          onDone: 'decidingOnPower',
          onError: { target: 'decidingOnPower', actions: 'recordCleanupFault' },
        }),
        decidingOnPower: {
          always: [{ guard: 'hostRestarted', target: 'poweringOn' }, { target: '#job.releasing' }],
        },
        poweringOn: step('cleanup.reset', 'powerOnHost').with({
          input: bySerial,
          onDone: { target: '#job.releasing', actions: assign({ hostOff: false }) },
          onError: { target: '#job.releasing', actions: 'recordCleanupFault' },
        }),
      },
    },

    releasing: {
      entry: ['judgeCleanup', begin('server.release')],
      initial: 'asking',
      states: {
        asking: {
          invoke: asks('server.release', 'releaseServer').with({
            input: ({ context }) => ({ ...bySerial({ context }), ...releaseOf(context) }),
            onDone: '#job.complete',
            onError: 'waiting',
          }),
        },
        waiting: { after: { 'server.release.retry': 'asking' } },
      },
    },

    // This is not XState's `final`, because late reports are still recorded.
    complete: { tags: ['ended'] },
  },
})

export type JobSnapshot = SnapshotFrom<ActorRefFrom<typeof jobMachine>>
