/** Shows a job's steps live: a line for each step that ended, a spinner with the time for the step under way. */
import yoctoSpinner from 'yocto-spinner'
import type { StoredEvent } from '../../eventstore/log/event.ts'
import { narrateState } from '../../machines/job/narrate.ts'
import { bad, dim, good, output, warn } from './output.ts'

export type Progress = {
  readonly show: (event: StoredEvent) => void
  readonly stop: () => void
}

/** Writes to standard error when it is a terminal, else plain lines to standard output. */
export function createProgress(): Progress {
  const spinner = process.stderr.isTTY ? yoctoSpinner() : null
  let startedAt: number | null = null
  let since = 0
  let text = ''
  const tick = () => {
    if (spinner) spinner.text = `${text} ${dim(`${((Date.now() - since) / 1000).toFixed(0)} s`)}`
  }
  const timer = spinner ? setInterval(tick, 250) : null

  return {
    show: (event) => {
      const at = Date.parse(event.at)
      startedAt ??= at
      const seconds = ((at - startedAt) / 1000).toFixed(2).padStart(7)
      const wasSpinning = spinner?.isSpinning ?? false
      if (wasSpinning) spinner?.stop()
      output.line(`${symbolOf(event)} ${dim(`${seconds} s`)}  ${event.type}${detailOf(event)}`)
      text = narrateState(event.state_to)
      since = Date.now()
      if (event.state_to !== 'complete') spinner?.start(text)
    },
    stop: () => {
      if (timer) clearInterval(timer)
      spinner?.stop()
    },
  }
}

function symbolOf({ type, data }: StoredEvent): string {
  if (type.endsWith('.failed') || type.endsWith('.elapsed')) return bad('✗')
  if (type === 'report.received') return (data as { status: string }).status === 'success' ? good('✓') : bad('✗')
  if (type.endsWith('.succeeded')) return noticedIn(data).length > 0 ? warn('✓') : good('✓')
  return type === 'cancel.requested' ? warn('!') : dim('·')
}

/** The most important detail of an event. */
function detailOf({ type, data }: StoredEvent): string {
  const facts = data as Record<string, unknown>
  const detail =
    type.endsWith('.failed') || type === 'report.received'
      ? (facts['message'] ?? facts['failed_step'] ?? facts['status'])
      : type === 'progress.reported'
        ? `${facts['step']}${facts['percent'] === null ? '' : ` ${facts['percent']} %`}`
        : type === 'iso.build.succeeded'
          ? `${facts['bytes']} bytes, sha256 ${String(facts['sha256']).slice(0, 12)}…`
          : (facts['image'] ?? facts['reset_type'] ?? facts['evidence'])
  const details = [
    ...(detail === undefined || detail === null ? [] : [dim(String(detail))]),
    ...noticedIn(data).map(warn),
  ]
  return details.map((text) => `  ${text}`).join('')
}

/** The warnings of an operation and its side actions; events of older versions have none. */
function noticedIn(data: unknown): readonly string[] {
  const facts = data as { warnings?: unknown; also_ejected?: readonly string[] | null }
  // The warnings of a recipe are not texts; the command that requested the job has shown them.
  const warnings = Array.isArray(facts.warnings) ? facts.warnings.filter((warning) => typeof warning === 'string') : []
  return [...warnings, ...(facts.also_ejected ?? []).map((slot) => `${slot} was in use and emptied for it`)]
}
