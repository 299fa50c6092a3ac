/** `provisioner job ...`: submit, list, show, watch, cancel, retry. */
import { readFile } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import { jobOutcomes, jobStatuses } from '../../machines/job/view.ts'
import type { Client } from './client.ts'
import { bad, bold, dim, good, heading, output, warn } from './output.ts'
import { type JobAnswer, watchJob } from './watch.ts'

type Created = {
  readonly job_id: string
  readonly warnings?: readonly { readonly path: string; readonly message: string }[]
}

type AddCommand = (job: Command, client: () => Client, isJson: () => boolean) => Command

export function jobCommands(program: Command, client: () => Client, isJson: () => boolean): void {
  const job = program.command('job').description('submit jobs and follow them')
  for (const add of [addSubmit, addList, addShow, addWatch, addCancel, addRetry]) add(job, client, isJson)
}

const pathOf = (jobId: string) => `/api/v1/jobs/${encodeURIComponent(jobId)}`

const addSubmit: AddCommand = (job, client, isJson) =>
  job
    .command('submit')
    .description('install a recipe on a server')
    .argument('<serial>', 'the server')
    .argument('<recipe>', 'the recipe: a JSON file, or - for standard input')
    .option('--maintenance-iso-url <url>', 'use this maintenance ISO instead of the configured one')
    .option('--idempotency-key <key>', 'a second request with the same key creates no second job')
    .option('--dry-run', 'print the plan and do nothing')
    .option('--watch', 'follow the job to its end')
    .action(async (serial: string, file: string, options: SubmitOptions) => {
      const recipe = await readFile(file === '-' ? '/dev/stdin' : file, 'utf8')
      const answer = await client().request<Created>(`/api/v1/jobs${options.dryRun ? '?dry_run=true' : ''}`, {
        method: 'POST',
        body: jobBody(serial, recipe, options.maintenanceIsoUrl),
        headers: options.idempotencyKey ? { 'idempotency-key': options.idempotencyKey } : {},
      })
      if (options.dryRun || isJson()) return output.json(answer)
      output.line(`job ${bold(answer.job_id)} created`)
      for (const warning of answer.warnings ?? []) output.line(`${warn('!')} ${warning.path}: ${warning.message}`)
      if (options.watch) await follow(client(), answer.job_id)
    })

const addList: AddCommand = (job, client, isJson) =>
  job
    .command('list')
    .description('list jobs, newest first')
    .addOption(new Option('--status <status>', 'only jobs with this status').choices(jobStatuses))
    .addOption(new Option('--outcome <outcome>', 'only jobs with this outcome').choices(jobOutcomes))
    .option('--server <serial>', 'only jobs of this server')
    .option('--limit <n>', 'list at most so many', '50')
    .action(async (options: Record<string, string>) => {
      const answer = await client().request<{ jobs: readonly JobAnswer[] }>(
        `/api/v1/jobs?${new URLSearchParams(options)}`,
      )
      if (isJson()) return output.json(answer)
      output.table([
        heading('JOB', 'SERVER', 'STATUS', 'OUTCOME', 'FAILED STEP', 'CLEANUP', 'CREATED'),
        ...answer.jobs.map((one) => [
          one.job_id,
          one.server_serial,
          one.status,
          outcomeText(one.outcome),
          one.failed_step ?? '',
          one.cleanup,
          one.created_at,
        ]),
      ])
    })

const addShow: AddCommand = (job, client, isJson) =>
  job
    .command('show')
    .description('print one job and its events')
    .argument('<job>')
    .action(async (jobId: string) => {
      const answer = await client().request<JobAnswer>(pathOf(jobId))
      if (isJson()) return output.json(answer)
      showEnd(answer)
      output.table([
        heading('SEQ', 'TIME', 'WHAT HAPPENED'),
        ...(answer.events ?? []).map((event) => [
          String(event.seq),
          event.time,
          event.level === 'error'
            ? bad(event.message)
            : event.level === 'warning'
              ? warn(event.message)
              : event.message,
        ]),
      ])
    })

const addWatch: AddCommand = (job, client) =>
  job
    .command('watch')
    .description('follow a job to its end')
    .argument('<job>')
    .action(async (jobId: string) => follow(client(), jobId))

const addCancel: AddCommand = (job, client) =>
  job
    .command('cancel')
    .description('cancel a job; the controller cleans up its server')
    .argument('<job>')
    .option('--reason <text>', 'why; the history keeps it')
    .action(async (jobId: string, options: { reason?: string }) => {
      const body = options.reason === undefined ? {} : { reason: options.reason }
      await client().request(`${pathOf(jobId)}/cancel`, { method: 'POST', body })
      output.line(`cancellation of ${jobId} requested`)
    })

const addRetry: AddCommand = (job, client) =>
  job
    .command('retry')
    .description("run an ended job's recipe again as a new job")
    .argument('<job>')
    .option('--watch', 'follow the new job to its end')
    .action(async (jobId: string, options: { watch?: boolean }) => {
      const answer = await client().request<Created>(`${pathOf(jobId)}/retry`, { method: 'POST', body: {} })
      output.line(`job ${bold(answer.job_id)} created`)
      if (options.watch) await follow(client(), answer.job_id)
    })

type SubmitOptions = {
  readonly maintenanceIsoUrl?: string
  readonly idempotencyKey?: string
  readonly dryRun?: boolean
  readonly watch?: boolean
}

/** The request's body, with the recipe byte for byte as in the file: the audit keeps these bytes. */
export function jobBody(serial: string, recipe: string, maintenanceIsoUrl: string | undefined): string {
  const url = maintenanceIsoUrl === undefined ? '' : `,"maintenance_iso_url":${JSON.stringify(maintenanceIsoUrl)}`
  return `{"server_serial":${JSON.stringify(serial)}${url},"recipe":${recipe.trim()}}`
}

async function follow(client: Client, jobId: string): Promise<void> {
  const interrupted = new AbortController()
  process.once('SIGINT', () => interrupted.abort(new Error('interrupted; the job goes on')))
  const ended = await watchJob(client, jobId, interrupted.signal)
  showEnd(ended)
  if (ended.outcome !== 'succeeded') process.exitCode = 1
}

/** Prints a job's status, failure and cleanup in a few lines. */
export function showEnd(answer: JobAnswer): void {
  output.line(
    `${bold(answer.job_id)} on ${answer.server_serial}: ${answer.status}/${outcomeText(answer.outcome)} ${dim(answer.state)}`,
  )
  if (answer.failed_step !== null)
    output.line(`  failed at ${bad(answer.failed_step)}: ${answer.failure?.message ?? ''}`)
  if (answer.cleanup === 'dirty')
    output.line(`  ${warn('cleanup is dirty')}: media may still be mounted; the server retries by itself`)
}

function outcomeText(outcome: string | null): string {
  if (outcome === 'succeeded') return good(outcome)
  return outcome === null ? dim('pending') : bad(outcome)
}
