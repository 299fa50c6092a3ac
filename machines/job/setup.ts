/**
 * The parts of which the states of a job are made: effects by name, delays, actions that write the job's memory, and
 * `step`, by which a state asks for an effect.
 */
import { assign, setup } from 'xstate'
import type { FailureData } from '../event.ts'
import { effect } from '../evolve.ts'
import type { JobContext, JobServices } from './context.ts'
import type { JobEvent, JobRequested } from './events.ts'
import { failureKeyOfUnit, type StepKey } from './steps.ts'

const deliveryIdsMax = 64

type Effect<Name extends keyof JobServices> = ReturnType<
  typeof effect<JobServices[Name]['output'], JobServices[Name]['input']>
>

export const jobSetup = setup({
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

/** Slots may hold our media from here on, even if the BMC answers with an error. */
export const touchBmc = jobSetup.assign({ bmcTouched: true })

/** Entering the state begins this step: a failure or a passed deadline is blamed on it from now on. */
export function begin<Key extends StepKey>(step: Key) {
  return { type: 'begin', params: { step } } as const
}

type StateConfig = Parameters<typeof jobSetup.createStateConfig>[0]
type Service = keyof JobServices
type Asking<Name extends Service> = Omit<
  Extract<NonNullable<StateConfig['invoke']>, { readonly src: Name }>,
  'id' | 'src'
>

/**
 * Asks for the effect that performs a step; the effect's id is the step's key. Input and arrows are given in a second
 * call, `with`: in a single one TypeScript would type the outcome's actions by the answer of another service.
 */
export function asks<Key extends StepKey, Name extends Service>(key: Key, service: Name) {
  return { with: (invoke: Asking<Name>) => ({ ...invoke, id: key, src: service }) }
}

/** A state that performs a step, or the part of one that does: it begins the step and asks for its effect. */
export function step<Key extends StepKey, Name extends Service>(
  key: Key,
  service: Name,
  ...also: readonly (typeof touchBmc)[]
) {
  return { with: (invoke: Asking<Name>) => ({ entry: [begin(key), ...also], invoke: asks(key, service).with(invoke) }) }
}

/** The failure key of a step; that of the admission is `validation.server` (spec/job.md). */
function keyOf(step: StepKey): string {
  return step === 'job.admission' ? 'validation.server' : step
}

function failureOf(event: unknown): FailureData {
  return (event as { error: FailureData }).error
}

/** Adds an id as the latest one and drops the oldest above the bound; null and known ids change nothing. */
export function remember(ids: readonly string[], id: string | null): readonly string[] {
  return id === null || ids.includes(id) ? ids : [...ids, id].slice(-deliveryIdsMax)
}
