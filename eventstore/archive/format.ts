/**
 * The archive: histories of closed jobs as JSON Lines, which an auditor can check with `jq` and `sha256sum` alone.
 *
 *   {"record":"archive","format":"provisioner-archive/1","created_at":...}
 *   {"actor":...,"at":...,...,"version":1}      an event: the very text that its hash was taken of (RFC 8785)
 *   {"actor":...,...,"version":2}               so `sha256sum` of a line is the next line's prev_hash
 *   {"record":"stream","stream":"job-...","events":2,"head_hash":...,"positions":["17","18"]}
 *   ...                                         further streams, by name
 *   {"record":"end","streams":1,"events":2,"heads_sha256":...,"sha256":...}
 *
 * Each hash chain ends in its stream's line, in `head_hash`; `positions` are the events' places in the whole log, which no
 * hash covers. The last line has the digest of all lines before it, and of `<head_hash>  <stream>` of each stream in order.
 * Events are lines of their own bytes, so that nothing has to be written again before it is hashed, and the heads are not
 * repeated at the end, so that neither writing nor reading has to hold more than one stream's positions.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { parseStream, type StreamId } from '../../machines/kinds.ts'
import { canonicalEvent, type StoredEvent } from '../log/event.ts'
import { Chain } from '../upkeep/verify.ts'

const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
const jobStreamId = z
  .string()
  .regex(/^job-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  .transform((text) => text as StreamId)

const header = z.strictObject({
  record: z.literal('archive'),
  format: z.literal('provisioner-archive/1'),
  created_at: z.iso.datetime(),
})
const streamEnd = z.strictObject({
  record: z.literal('stream'),
  stream: jobStreamId,
  events: z.int().positive(),
  head_hash: sha256,
  positions: z.array(z.string().regex(/^\d+$/)),
})
const end = z.strictObject({
  record: z.literal('end'),
  streams: z.int().positive(),
  events: z.int().positive(),
  heads_sha256: sha256,
  sha256,
})
const event = z.strictObject({
  id: z.uuid(),
  stream: jobStreamId,
  version: z.int().positive(),
  type: z.string(),
  schema_version: z.int(),
  data: z.unknown(),
  state_from: z.string().nullable(),
  state_to: z.string(),
  machine: z.literal('job'),
  machine_version: z.string(),
  at: z.string(),
  actor: z.string(),
  causation_id: z.string().nullable(),
  correlation_id: z.string().nullable(),
  trace: z.string().nullable(),
  prev_hash: sha256.nullable(),
})

export type ArchivedStream = Omit<z.output<typeof streamEnd>, 'record'>
export type ArchiveEnd = Omit<z.output<typeof end>, 'record'>
/** Items of an archive in order: each stream's events, without positions, then the stream. */
export type ArchiveItem =
  | { readonly kind: 'event'; readonly event: Omit<StoredEvent, 'position'> }
  | { readonly kind: 'stream'; readonly stream: ArchivedStream }

/** An archive that differs from what was written. `line` is the first one with a fault. */
export class BrokenArchive extends Error {
  override readonly name = 'BrokenArchive'
  readonly line: number
  constructor(line: number, reason: string) {
    super(`line ${line}: ${reason}`)
    this.line = line
  }
}

/** Makes the lines of an archive, without their newlines, and the digests of its last one. */
export function createArchiveLines() {
  const tally = createTally()
  const line = (text: string) => {
    tally.line(text)
    return text
  }
  return {
    header: (createdAt: string) =>
      line(JSON.stringify({ record: 'archive', format: 'provisioner-archive/1', created_at: createdAt })),
    event: (stored: StoredEvent) => line(canonicalEvent(stored)),
    stream: (stream: ArchivedStream) => {
      tally.stream(stream)
      const { stream: name, events, head_hash, positions } = stream
      return line(JSON.stringify({ record: 'stream', stream: name, events, head_hash, positions }))
    },
    end: () => JSON.stringify({ record: 'end', ...tally.end() }),
  }
}

/**
 * Reads the lines of an archive and checks everything: that it is whole, every digest, and each history as `audit verify`
 * does. Holds one stream's state at a time. Returns the last line's content.
 * @throws BrokenArchive at the first line that does not fit. The hash of an altered event differs from the `prev_hash` in the
 * line after it, so the items up to two lines before are right.
 */
export async function* readArchive(lines: AsyncIterable<string>): AsyncGenerator<ArchiveItem, ArchiveEnd, undefined> {
  const tally = createTally()
  let number = 0
  let open: OpenStream | null = null
  let before = ''
  let ended: ArchiveEnd | null = null
  for await (const line of lines) {
    number += 1
    const fail = (reason: string) => new BrokenArchive(number, reason)
    if (ended !== null) throw fail('there is something after the last line')
    const value = parsed(line, fail)
    const kind = number === 1 ? 'archive' : typeof value['record'] === 'string' ? value['record'] : 'event'
    if (kind === 'archive') {
      if (number > 1) throw fail('another archive begins here')
      shaped(header, value, fail)
    } else if (kind === 'event') {
      const read = shaped(event, value, fail)
      if (canonicalEvent(read) !== line) throw fail('the event is not in canonical form (RFC 8785)')
      open ??= begin(read.stream, before, fail)
      const stored = open.take(read, line, fail)
      yield { kind: 'event', event: stored }
    } else if (kind === 'stream') {
      const stream = shaped(streamEnd, value, fail)
      if (open === null) throw fail('a stream ends that had not begun')
      open.close(stream, fail)
      tally.stream(stream)
      before = stream.stream
      open = null
      yield { kind: 'stream', stream }
    } else {
      const { record: _record, ...told } = shaped(end, value, fail)
      if (open !== null) throw fail(`${open.stream} has no end`)
      const counted = tally.end()
      for (const name of ['streams', 'events', 'heads_sha256', 'sha256'] as const)
        if (told[name] !== counted[name]) throw fail(`${name} is ${told[name]}, counted was ${counted[name]}`)
      ended = told
    }
    tally.line(line)
  }
  if (ended === null) throw new BrokenArchive(number + 1, 'the archive ends before its last line: it was cut off')
  return ended
}

type Fail = (reason: string) => BrokenArchive

type OpenStream = {
  readonly stream: StreamId
  readonly take: (read: z.output<typeof event>, line: string, fail: Fail) => Omit<StoredEvent, 'position'>
  readonly close: (end: ArchivedStream, fail: Fail) => void
}

function begin(stream: StreamId, before: string, fail: Fail): OpenStream {
  if (stream <= before) throw fail(`${stream} comes after ${before}: streams are in order, each once`)
  const chain = new Chain(stream)
  let events = 0
  let hash = ''
  let state = ''
  return {
    stream,
    take: (read, line, fail) => {
      if (read.stream !== stream) throw fail(`an event of ${read.stream} is among those of ${stream}`)
      hash = createHash('sha256').update(line).digest('hex')
      const stored = { ...read, hash }
      const reason = chain.check({ ...stored, position: '0' })
      if (reason !== null) throw fail(`${stream} event ${read.version}: ${reason}`)
      events += 1
      state = read.state_to
      return stored
    },
    close: (end, fail) => {
      if (end.stream !== stream) throw fail(`${end.stream} ends where ${stream} is to`)
      if (end.head_hash !== hash) throw fail('head_hash is not the hash of the last event')
      if (end.events !== events) throw fail(`events is ${end.events}, there are ${events}`)
      if (end.positions.length !== events) throw fail(`there are ${end.positions.length} positions of ${events} events`)
      if (parseStream(stream).kind !== 'job' || state !== 'complete') throw fail(`${stream} is not closed`)
    },
  }
}

/** Counts and digests of the lines so far. */
function createTally() {
  const lines = createHash('sha256')
  const heads = createHash('sha256')
  let streams = 0
  let events = 0
  return {
    line: (text: string) => void lines.update(text).update('\n'),
    stream: (one: ArchivedStream) => {
      heads.update(`${one.head_hash}  ${one.stream}\n`)
      streams += 1
      events += one.events
    },
    end: (): ArchiveEnd => ({
      streams,
      events,
      heads_sha256: heads.copy().digest('hex'),
      sha256: lines.copy().digest('hex'),
    }),
  }
}

function parsed(line: string, fail: Fail): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw fail('it is not a JSON object')
}

function shaped<Schema extends z.ZodType>(schema: Schema, value: unknown, fail: Fail): z.output<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const faults = result.error.issues.map((issue) => `${issue.path.join('.') || '(line)'}: ${issue.code}`).join(', ')
  throw fail(`it has another shape (${faults})`)
}
