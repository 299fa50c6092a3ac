/** Asynchronous answers: 202 with a task monitor, followed to its end (DSP0266 "Asynchronous operations"). */
import { BmcError, type BmcFailure } from '../../failure.ts'
import type { Call } from '../call.ts'
import { type Doc, isDoc, linkOf, listAt, textAt } from '../documents/resource.ts'
import type { Answer } from './answer.ts'
import type { Service } from './service.ts'
import { until } from './until.ts'
import type { Written } from './writes.ts'

/** Reads of a monitor that may fail with 404 before it was ever seen: iDRAC creates it late (quirks.md 10). */
const MISSING_MAX = 3

type Progress =
  | { readonly kind: 'running' }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly failure: BmcFailure }

/**
 * Follows the answer of a write to its end; returns at once when it was not a 202 or names no monitor (the caller's
 * read-back then decides). A monitor that vanishes after it was seen counts as done (iDRAC deletes finished
 * tasks, quirks.md 10). Rejects with `refused` when the task failed, `timeout` when it does not end within
 * `taskTimeoutMs`.
 */
export async function followTask(service: Service, call: Call, written: Written): Promise<void> {
  if (written.kind === 'seen' || written.answer.status !== 202) return
  const { answer } = written
  const link = answer.location ?? linkOf(answer.doc)
  if (link === null) return
  const path = service.follow(call, link, answer.path)
  const { taskTimeoutMs, taskPollMs } = service.limits
  let seen = false
  let missing = 0
  let waitMs = answer.retryAfterMs
  const wait = { timeoutMs: taskTimeoutMs, pollMs: taskPollMs, startsWithPause: true }
  const end = await until(service, call, wait, async () => {
    if (waitMs !== null && waitMs > taskPollMs) await service.pause(call, Math.min(waitMs, taskTimeoutMs) - taskPollMs)
    const monitor = await readMonitor(service, call, path)
    if (monitor === null) {
      missing++
      return seen || missing > MISSING_MAX ? { kind: 'done' as const } : null
    }
    seen = true
    waitMs = monitor.retryAfterMs
    const progress = taskProgress(monitor)
    return progress.kind === 'running' ? null : progress
  })
  const asked = { method: 'GET', target: path }
  if (end === null) {
    const detail = `the task did not end within ${taskTimeoutMs} ms`
    throw service.fail(call, { kind: 'timeout', retry: true, detail }, asked)
  }
  if (end.kind === 'failed') throw service.fail(call, end.failure, asked)
}

/** Null for a monitor that does not exist (yet, or any more); another refusal is the operation's own. */
async function readMonitor(service: Service, call: Call, path: string): Promise<Answer | null> {
  try {
    return await service.read(call, path)
  } catch (error) {
    if (error instanceof BmcError && error.failure.kind === 'refused' && error.failure.status === 404) return null
    throw error
  }
}

const FAILED_STATES: ReadonlySet<string> = new Set(['Exception', 'Killed', 'Cancelled', 'Interrupted'])
const RUNNING_STATES: ReadonlySet<string> = new Set([
  'New',
  'Pending',
  'Starting',
  'Running',
  'Service',
  'Stopping',
  'Suspended',
  'Cancelling',
  'Validating',
])

/**
 * Judges the answer of a monitor: 202 is running; a task document goes by its `TaskState`; any other 2xx is the
 * operation's own answer, so that the task is done. Pure.
 */
export function taskProgress(monitor: Pick<Answer, 'status' | 'doc'>): Progress {
  const state = textAt(monitor.doc, 'TaskState')
  if (state === null) return monitor.status === 202 ? { kind: 'running' } : { kind: 'done' }
  if (RUNNING_STATES.has(state)) return { kind: 'running' }
  const critical = textAt(monitor.doc, 'TaskStatus') === 'Critical'
  if (!FAILED_STATES.has(state) && !critical) return { kind: 'done' }
  const message = listAt(monitor.doc, 'Messages').filter(isDoc).at(-1)
  return { kind: 'failed', failure: taskFailure(state, message ?? {}) }
}

/** The status is that of the answer with the task: the operation itself has none. */
function taskFailure(state: string, message: Doc): BmcFailure {
  const messageId = textAt(message, 'MessageId') ?? textAt(message, 'MessageID')
  const text = textAt(message, 'Message')
  return {
    kind: 'refused',
    retry: false,
    status: 202,
    ...(messageId === null ? {} : { messageId }),
    message: text === null ? `the task ended as ${state}` : `the task ended as ${state}: ${text}`,
    related: [],
  }
}
