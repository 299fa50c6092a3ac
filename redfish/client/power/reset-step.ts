/**
 * One reset: announced, sent, and watched for until its effect shows (spec/redfish.md "Reset", quirks.md 9). What a
 * state of the host stands against is looked at before it is sent again: the state may be the wanted one.
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
  /** A state stands against it: `passes` by itself, or may be the wanted one. */
  | { readonly kind: 'in-the-way'; readonly reason: string; readonly patienceMs: number; readonly passes: boolean }
  /** The BMC may have acted on it. */
  | { readonly kind: 'unclear'; readonly error: BmcError }

export type ResetRequest = {
  readonly type: ResetType
  readonly reason: string
  readonly goal: Goal
  /** Whether the goal, once reached, stays so: then there is no hurry to look. */
  readonly lasts: boolean
  /** How long the effect may take to show. */
  readonly timeoutMs: number
  /** How it shows: whether seeing nothing says that nothing happened, and after how long. */
  readonly shows: ResetShows
}

/** How often one type is sent when the first try stays unclear and looking found nothing. */
const SENDS_MAX = 4

/** Statuses by which BMCs say that they do not know or offer this reset (quirks.md 9). */
const NOT_OFFERED: ReadonlySet<number> = new Set([400, 404, 405, 409, 422, 501])

/** Statuses of a BMC that did not act, and that retrying did not help. */
const NOTHING_DONE: ReadonlySet<number> = new Set([429, 503])

/** The pause before a reset that a state stood against is sent again doubles up to this many times the first one. */
const PAUSE_GROWTH_MAX = 6

/** So much longer than the first the pauses between two looks become, where what is waited for stays. */
const POLL_GROWTH_MAX = 5

export type ResetSteps = {
  /** Announces one reset, sends it, and watches for its effect. */
  step(run: Run, request: ResetRequest): Promise<Step>
  /** Looks until the goal shows. A BMC that does not answer for a while after a reset is waited for. */
  watch(
    call: Call,
    goal: Goal,
    how: { readonly lasts: boolean; readonly timeoutMs: number },
  ): Promise<Extract<Step, { kind: 'done' }> | null>
}

export function createResetSteps(service: Service, look: (call: Call) => Promise<Look>): ResetSteps {
  const { limits } = service

  /** How long a state that stands against a reset is waited out. */
  function patienceWith(problem: Problem | undefined): number | null {
    if (problem === 'already-in-state' || problem === 'state-conflict') return limits.stateConflictMs
    return problem === 'reset-in-progress' ? limits.resetTimeoutMs : null
  }

  function learnRefused(type: ResetType): void {
    const known = service.memory.known().resetsRefused ?? []
    if (!known.includes(type)) service.memory.learn({ resetsRefused: [...known, type] })
  }

  async function send(call: Call, system: Answer, type: ResetType): Promise<Sent> {
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
      const patienceMs = patienceWith(failure.problem)
      const reason = `${type} was refused: ${[failure.status, failure.messageId].filter((part) => part !== undefined).join(' ')}`
      const passes = failure.problem !== 'already-in-state'
      if (patienceMs !== null) return { kind: 'in-the-way', reason, patienceMs, passes }
      if (NOTHING_DONE.has(failure.status)) throw error
      return failure.status < 500 ? { kind: 'refused', reason } : { kind: 'unclear', error }
    }
  }

  function unresolved(call: Call, type: ResetType, error: BmcError): BmcError {
    const detail = `whether ${type} took place is not known: it was not answered, and this BMC shows no trace of a reset`
    const { method, target } = error.request
    return service.fail(call, { kind: 'not-confirmed', retry: false, action: 'reset', detail }, { method, target })
  }

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
        const answer = await send(run.call, before.system, type)
        if (answer.kind === 'refused' || answer.kind === 'in-the-way') {
          const again = answer.kind === 'in-the-way' && waitedMs + pauseMs <= answer.patienceMs
          const waits = again && answer.passes
          if (waits) await giveTime()
          const now = await look(run.call)
          const evidence = goal(now)
          if (evidence !== null) return { kind: 'done', evidence, after: now.power }
          if (answer.kind === 'refused') learnRefused(type)
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
          // It may have happened without a trace: a second one could hit a host that is at work.
          if (shows === 'never') throw unresolved(run.call, type, answer.error)
          if (sends >= SENDS_MAX) throw answer.error
        }
        run.call.countRepeat()
      }
    },
  }
}
