/** Fires deadlines: each once, late rather than lost, by the database's clock. Any controller may fire one. */
import { ConditionGone } from '../eventstore/log/append.ts'
import { type DueDeadline, dueDeadlines, nextDeadlineInMs } from '../eventstore/pending/deadlines.ts'
import type { Database } from '../eventstore/postgres/database.ts'
import { type Loop, startLoop } from '../eventstore/postgres/loop.ts'
import type { Notifications } from '../eventstore/postgres/notifications.ts'
import { parseStream } from '../machines/kinds.ts'
import type { Log } from './log.ts'
import { NotAccepted, proposalOf, type Runtime } from './runtime.ts'

export type DeadlinesOptions = {
  readonly db: Database
  readonly runtime: Runtime
  readonly notifications: Notifications
  readonly log: Log
}

/** Upper bound of one wait, in case an announcement was lost. */
const lookEveryMs = 1000
/** Between two looks, so that neither a busy fleet nor clocks a moment apart make it spin. */
const lookRestMs = 25
const atOnceMax = 100

/** Fires deadlines as they become due, until it is stopped. One that cannot be fired is tried again. */
export function startDeadlines({ db, runtime, notifications, log }: DeadlinesOptions): Loop {
  const fire = async ({ stream, name }: DueDeadline): Promise<void> => {
    const { kind, id } = parseStream(stream)
    const cause = {
      actor: 'system:deadline',
      causationId: `${stream}/${name}`,
      correlationId: kind === 'job' ? id : null,
      trace: null,
    }
    try {
      await runtime.commit({
        reads: [stream],
        decide: () => [proposalOf(stream, { type: `${name}.elapsed`, data: {} })],
        cause,
        condition: { kind: 'deadline', stream, name },
      })
      log.info({ stream, deadline: name }, `deadline ${name} passed`)
    } catch (error) {
      // The actor moved on, or another controller was first: then there is nothing to fire any more.
      if (error instanceof ConditionGone || error instanceof NotAccepted) return
      throw error
    }
  }

  /** Fires all of them; one that cannot be fired does not keep the others waiting. Answers whether all could be. */
  const fireAll = async (due: readonly DueDeadline[]): Promise<boolean> => {
    let all = true
    for (const deadline of due) {
      try {
        await fire(deadline)
      } catch (error) {
        all = false
        log.error({ err: error, ...deadline }, `deadline ${deadline.name} could not be fired, it is tried again`)
      }
    }
    return all
  }

  return startLoop({
    everyMs: lookEveryMs,
    waiter: notifications.waiter(),
    restMs: lookRestMs,
    work: async () => {
      const inMs = (await nextDeadlineInMs(db)) ?? lookEveryMs
      if (inMs > 0) return Math.min(inMs, lookEveryMs)
      return (await fireAll(await dueDeadlines(db, atOnceMax))) ? 0 : lookEveryMs
    },
    onError: (error) => {
      log.error({ err: error }, 'deadlines could not be read, looking again')
    },
  })
}
