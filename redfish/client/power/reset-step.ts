/**
 * One reset: the client announces it, sends it, and watches the host until the effect shows (spec/redfish.md "Reset",
 * quirks.md 9). Where the host's state forbids the reset, the client looks before it sends the reset again, because that
 * state may be the wanted one.
 */
import type { PowerObservation, ResetEvidence, ResetIntent } from '../../bmc.ts'
import type { Problem } from '../../failure.ts'
import { BmcError } from '../../failure.ts'
import type { ResetType } from '../../vocabulary.ts'
import type { Call } from '../call.ts'
import type { Answer } from '../service/answer.ts'
import type { Service } from '../service/service.ts'
import { ifAnswering, until } from '../service/until.ts'
import type { HostLook, ResetShows } from './reset-evidence.ts'
import { resetAction } from './reset-types.ts'

export type Look = HostLook & { readonly system: Answer }

/** One operation that sends resets. */
export type Run = {
  readonly call: Call
  readonly first: Look
  readonly offered: readonly ResetType[]
  readonly sent: ResetType[]
  readonly onIntent: (intent: ResetIntent) => Promise<void>
}

export type Goal = (now: Look) => ResetEvidence | null

export type Step =
  | { readonly kind: 'done'; readonly evidence: ResetEvidence; readonly after: PowerObservation }
  | { readonly kind: 'nothing'; readonly reason: string; readonly refused: boolean }

type Sent =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused'; readonly reason: string }
  /** The host's state forbids the reset: it `passes` by itself, or may be the wanted one. */
  | { readonly kind: 'in-the-way'; readonly reason: string; readonly patienceMs: number; readonly passes: boolean }
  /** The BMC may have acted on it. */
  | { readonly kind: 'unclear'; readonly error: BmcError }

type ResetRequest = {
  readonly type: ResetType
  readonly reason: string
  readonly goal: Goal
  /** True when the host stays at the goal once it is there: the client may then look at longer intervals. */
  readonly lasts: boolean
  /** The time that the effect may take to show. */
  readonly timeoutMs: number
  /** How the effect shows: it decides whether seeing nothing proves that nothing happened, and after how long. */
  readonly shows: ResetShows
}

/** Sends of one type, when the answer to each was unclear and the looks found no effect. */
const SENDS_MAX = 4

/** Statuses by which BMCs say that they do not know or offer this reset (quirks.md 9). */
const NOT_OFFERED: ReadonlySet<number> = new Set([400, 404, 405, 409, 422, 501])

/** Statuses of a BMC that did not act, after the retries were used up. */
const NOTHING_DONE: ReadonlySet<number> = new Set([429, 503])

/** Back-off ceiling before a forbidden reset is sent again, as a multiple of the first pause. */
const PAUSE_GROWTH_MAX = 6

/** Ceiling of the poll interval as a multiple of the first one, where the goal lasts. */
const POLL_GROWTH_MAX = 5

export type ResetSteps = {
  /** Announces one reset, sends it, and watches for its effect. */
  step(run: Run, request: ResetRequest): Promise<Step>
  /** Looks until the goal shows; tolerates a BMC that does not answer for a while after a reset. */
  watch(
    call: Call,
    goal: Goal,
    how: { readonly lasts: boolean; readonly timeoutMs: number },
  ): Promise<Extract<Step, { kind: 'done' }> | null>
}

/** @param look reads the host's power and boot override from the BMC. */
export function createResetSteps(service: Service, look: (call: Call) => Promise<Look>): ResetSteps {
  const { limits } = service

  const watch: ResetSteps['watch'] = async (call, goal, { lasts, timeoutMs }) => {
    const pollMs = limits.powerPollMs
    const pause = lasts ? { startsWithPause: true, pollMsMax: pollMs * POLL_GROWTH_MAX } : {}
    return until(service, call, { timeoutMs, pollMs, ...pause }, async () => {
      const now = await ifAnswering(() => look(call))
      const evidence = now === null ? null : goal(now)
      if (now === null || evidence === null) return null
      service.handover.leave(now.system)
      return { kind: 'done', evidence, after: now.power }
    })
  }

  return {
    watch,
    async step(run, { type, reason, goal, lasts, timeoutMs: patienceMs, shows }) {
      let waitedMs = 0
      let pauseMs = limits.statePauseMs
      const giveTime = async () => {
        await service.pause(run.call, pauseMs)
        waitedMs += pauseMs
        pauseMs = Math.min(pauseMs * 2, limits.statePauseMs * PAUSE_GROWTH_MAX)
      }
      let last: Look | null = run.sent.length === 0 ? run.first : null
      for (let sends = 1; ; sends++) {
        const before: Look = last ?? (await look(run.call))
        last = null
        const { power, override } = before
        await run.onIntent({ resetType: type, reason, before: power, overrideBefore: override })
        run.sent.push(type)
        const answer = await send(service, run.call, before.system, type)
        if (answer.kind === 'refused' || answer.kind === 'in-the-way') {
          const again = answer.kind === 'in-the-way' && waitedMs + pauseMs <= answer.patienceMs
          const waits = again && answer.passes
          if (waits) await giveTime()
          const now = await look(run.call)
          const evidence = goal(now)
          if (evidence !== null) return { kind: 'done', evidence, after: now.power }
          if (answer.kind === 'refused') learnRefused(service, type)
          if (!again) return { kind: 'nothing', reason: answer.reason, refused: true }
          if (waits) last = now
          else await giveTime()
        } else {
          const looksFull = answer.kind === 'accepted' || shows === 'late' || type.startsWith('Graceful')
          const timeoutMs = looksFull ? patienceMs : Math.min(patienceMs, limits.resetLookMs)
          const seen = await watch(run.call, goal, { lasts, timeoutMs })
          if (seen !== null) return seen
          if (answer.kind === 'accepted') {
            return { kind: 'nothing', reason: `nothing followed ${type} within ${timeoutMs} ms`, refused: false }
          }
          // The reset may have happened without a trace: a second one could hit a host that is at work.
          if (shows === 'never') throw unresolved(service, run.call, type, answer.error)
          if (sends >= SENDS_MAX) throw answer.error
        }
        run.call.countRepeat()
      }
    },
  }
}

/**
 * Sends one reset and classifies the answer by what it says about the host. Rethrows failures that are not about the
 * reset.
 */
async function send(service: Service, call: Call, system: Answer, type: ResetType): Promise<Sent> {
  const target = service.follow(call, resetAction(system.doc)['target'], system.path)
  try {
    await service.post(call, target, { body: { ResetType: type }, repeat: 'if-nothing-happened' })
    return { kind: 'accepted' }
  } catch (error) {
    if (!(error instanceof BmcError)) throw error
    const { failure } = error
    if (failure.kind === 'refused' && NOT_OFFERED.has(failure.status)) {
      const why = [failure.status, failure.messageId, failure.message].filter((part) => part !== undefined).join(' ')
      return { kind: 'refused', reason: `${type} was refused: ${why}` }
    }
    if (failure.kind !== 'busy') {
      if (failure.retry) return { kind: 'unclear', error }
      throw error
    }
    const patienceMs = patienceWith(service, failure.problem)
    const reason = `${type} was refused: ${[failure.status, failure.messageId].filter((part) => part !== undefined).join(' ')}`
    const passes = failure.problem !== 'already-in-state'
    if (patienceMs !== null) return { kind: 'in-the-way', reason, patienceMs, passes }
    if (NOTHING_DONE.has(failure.status)) throw error
    return failure.status < 500 ? { kind: 'refused', reason } : { kind: 'unclear', error }
  }
}

function unresolved(service: Service, call: Call, type: ResetType, error: BmcError): BmcError {
  const detail = `whether ${type} took place is not known: it was not answered, and this BMC shows no trace of a reset`
  const { method, target } = error.request
  return service.fail(call, { kind: 'not-confirmed', retry: false, action: 'reset', detail }, { method, target })
}

/** How long the client waits for a state to pass that forbids a reset; null where the state is none of these. */
function patienceWith({ limits }: Service, problem: Problem | undefined): number | null {
  if (problem === 'already-in-state' || problem === 'state-conflict') return limits.stateConflictMs
  return problem === 'reset-in-progress' ? limits.resetTimeoutMs : null
}

function learnRefused({ memory }: Service, type: ResetType): void {
  const known = memory.known().resetsRefused ?? []
  if (!known.includes(type)) memory.learn({ resetsRefused: [...known, type] })
}
