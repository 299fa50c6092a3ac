/** `provisioner what-if`: replays recorded histories with this version's machines and reports those that would differ. */
import { type Command, InvalidArgumentError } from 'commander'
import { type Divergence, firstDivergence } from '../../machines/history/what-if.ts'
import { type KindName, kinds } from '../../machines/kinds.ts'
import type { Client } from './client.ts'
import { fetchHistory } from './history.ts'
import { bad, bold, dim, good, output, warn } from './output.ts'

export type Asked = { readonly kind: KindName; readonly id: string }
export type Diverged = Asked & { readonly divergence: Divergence }
export type WhatIf = {
  readonly histories: number
  readonly events: number
  readonly divergences: readonly Diverged[]
  /** True when `historiesMax` cut the range short. */
  readonly more: boolean
}

/** Instants, RFC 3339; a history is in the range when it began at or after `since` and before `until`. */
export type Range = { readonly since: string; readonly until: string }

const pageSize = 500

/** Fetches at most `historiesMax` histories, one after the other, and replays each with this version's machines. */
export async function askWhatIf(
  client: Client,
  asked: AsyncIterable<Asked> | Iterable<Asked>,
  historiesMax: number,
): Promise<WhatIf> {
  const divergences: Diverged[] = []
  let histories = 0
  let events = 0
  for await (const one of asked) {
    if (histories === historiesMax) return { histories, events, divergences, more: true }
    const history = await fetchHistory(client, one.kind, one.id)
    const divergence = one.kind === 'job' ? firstDivergence(kinds.job, history) : firstDivergence(kinds.server, history)
    if (divergence !== null) divergences.push({ ...one, divergence })
    histories += 1
    events += history.length
  }
  return { histories, events, divergences, more: false }
}

/** Jobs and servers, removed servers included, whose histories began in the range. */
export async function* historiesIn(client: Client, range: Range): AsyncGenerator<Asked, void, undefined> {
  const since = Date.parse(range.since)
  const until = Date.parse(range.until)
  const began = (at: string) => Date.parse(at) >= since && Date.parse(at) < until
  const jobsSince = new URLSearchParams({ since: new Date(since).toISOString() })
  for await (const job of listed<{ job_id: string; created_at: string }>(client, 'jobs', jobsSince))
    if (began(job.created_at)) yield { kind: 'job', id: job.job_id }
  for (const status of [{}, { status: 'removed' }])
    for await (const server of listed<Registered>(client, 'servers', new URLSearchParams(status)))
      if (began(server.registered_at)) yield { kind: 'server', id: server.serial }
}

type Registered = { readonly serial: string; readonly registered_at: string }

/** All items of a list, page by page. */
async function* listed<Item>(
  client: Client,
  list: 'jobs' | 'servers',
  filter: URLSearchParams,
): AsyncGenerator<Item, void, undefined> {
  type Page = { readonly [Name in typeof list]?: readonly Item[] } & { readonly next_cursor: string | null }
  const query = new URLSearchParams({ ...Object.fromEntries(filter), limit: String(pageSize) })
  for (;;) {
    const page = await client.request<Page>(`/api/v1/${list}?${query}`)
    yield* page[list] ?? []
    if (page.next_cursor === null) return
    query.set('cursor', page.next_cursor)
  }
}

type WhatIfOptions = { readonly since?: string; readonly until?: string; readonly limit: number }

export function whatIfCommand(program: Command, client: () => Client, isJson: () => boolean): void {
  program
    .command('what-if')
    .description("ask this version's machines whether recorded histories would go another way today")
    .argument('[job]', 'a job; otherwise all histories that began in a range')
    .option('--since <time>', 'RFC 3339: histories of jobs and servers that began then or later', readInstant)
    .option('--until <time>', 'and before then (default: now)', readInstant)
    .option('--limit <n>', 'histories to read at most', readCount, 10_000)
    .action(async (jobId: string | undefined, { since, until, limit }: WhatIfOptions, command: Command) => {
      if ((jobId === undefined) === (since === undefined))
        command.error('error: give either a job or --since', { exitCode: 2 })
      const range = { since: since ?? '', until: until ?? new Date().toISOString() }
      const asked: Iterable<Asked> | AsyncIterable<Asked> =
        jobId === undefined ? historiesIn(client(), range) : [{ kind: 'job', id: jobId }]
      const result = await askWhatIf(client(), asked, limit)
      if (isJson()) output.json(result)
      else show(result)
      if (result.divergences.length > 0) process.exitCode = 1
    })
}

function show({ histories, events, divergences, more }: WhatIf): void {
  for (const { kind, id, divergence } of divergences) {
    const { seq, type, message, recorded, now } = divergence
    output.line(`${bold(`${kind} ${id}`)} event ${seq}, ${type}: ${bad(message)}`)
    output.line(`   recorded ${recorded.state}${effects(recorded.asked)}`)
    output.line(`   now      ${now === null ? dim('no state') : `${now.state}${effects(now.asked)}`}`)
  }
  const asked = `${histories} ${histories === 1 ? 'history' : 'histories'} of ${events} events`
  output.line(
    divergences.length === 0
      ? good(`${asked}: all would go the same way today`)
      : bad(`${asked}: ${divergences.length} would go another way today`),
  )
  if (more) output.line(warn('there are more histories in this range; raise --limit or narrow the range'))
}

function effects(keys: readonly string[]): string {
  return keys.length === 0 ? '' : dim(`, asks for ${keys.join(', ')}`)
}

function readInstant(text: string): string {
  if (Number.isNaN(Date.parse(text))) throw new InvalidArgumentError('an instant looks like 2026-03-01T12:00:00Z')
  return text
}

function readCount(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError('a whole number from 1 on')
  return Number(text)
}
