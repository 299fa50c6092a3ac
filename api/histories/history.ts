/** Histories and past states, alike for jobs and servers: `GET .../events`, `.../state` and `.../state/changes`. */
import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Log } from '../../actors/log.ts'
import { loadActor } from '../../eventstore/log/actors.ts'
import type { StoredEvent } from '../../eventstore/log/event.ts'
import { followStream } from '../../eventstore/log/follow.ts'
import { readStream, stateAt, versionAt } from '../../eventstore/log/read.ts'
import type { Database } from '../../eventstore/postgres/database.ts'
import type { Notifications } from '../../eventstore/postgres/notifications.ts'
import { changesBetween } from '../../machines/history/changes.ts'
import { stepThrough } from '../../machines/history/step-through.ts'
import { type KindName, kinds, type SnapshotOf, type StreamId } from '../../machines/kinds.ts'
import type { ApiEnv } from '../access/request.ts'
import { invalidRequest, RequestRefused } from '../errors.ts'
import { describeError } from '../operation/request-log.ts'
import { instant, jsonAnswer, seq, storedEvent } from '../schemas.ts'
import { sseResponse } from './sse.ts'

export type HistoryPorts = {
  readonly db: Database
  readonly notifications: Notifications
  /** Aborted when the server drains. */
  readonly drain: AbortSignal
  readonly log: Log
  readonly limits: { readonly streamsMax: number; readonly heartbeatMs: number }
}

export const eventsQuery = z.object({
  after_seq: seq.default(0).openapi({ description: 'only events after this one; Last-Event-ID outranks it' }),
  limit: z.coerce.number().int().min(1).max(1000).default(1000),
})

const eventsPage = z.object({
  events: z.array(storedEvent),
  next_after_seq: z.int().nullable().openapi({ description: 'null when these were the last so far' }),
})

export const eventsAnswers = {
  200: {
    description: 'The events in order; with `Accept: text/event-stream` they are streamed live, with seq as id',
    content: { 'application/json': { schema: eventsPage }, 'text/event-stream': { schema: z.string() } },
  },
}

export const stateQuery = z
  .object({
    seq: seq.min(1).optional().openapi({ description: 'after this event' }),
    at: instant.optional().openapi({ description: 'at this instant' }),
  })
  .refine((query) => query.seq === undefined || query.at === undefined, { message: 'give either seq or at' })

export const changesQuery = z.object({
  from: seq.min(1).openapi({ description: 'after this event' }),
  to: seq
    .min(1)
    .optional()
    .openapi({ description: 'until after this event; default: the last one. May be before `from`' }),
})

const stateChanges = z
  .object({
    from: z.int(),
    to: z.int(),
    changes: z.array(
      z.object({
        path: z.string().openapi({ description: 'JSON Pointer into the state', example: '/media/task_iso' }),
        before: z.unknown().optional().openapi({ description: 'left out where there was nothing' }),
        after: z.unknown().optional().openapi({ description: 'left out where there is nothing' }),
      }),
    ),
  })
  .openapi('StateChanges', { description: 'every place in which two states differ, seq and at aside' })

export const changesAnswers = { 200: jsonAnswer('What changed', stateChanges) }

export type History = ReturnType<typeof createHistory>

export function createHistory({ db, notifications, drain, limits, log }: HistoryPorts) {
  let streams = 0

  const follow = (context: Context<ApiEnv>, stream: StreamId, afterSeq: number): Response => {
    if (streams >= limits.streamsMax)
      throw new RequestRefused(
        { kind: 'too_many_streams' },
        `${limits.streamsMax} live streams are open already; poll with after_seq instead`,
      )
    streams += 1
    return sseResponse({
      messages: async function* (signal) {
        for await (const event of followStream({ db, notifications }, stream, { afterVersion: afterSeq, signal }))
          yield { id: String(event.version), data: numbered(event) }
      },
      signal: AbortSignal.any([context.req.raw.signal, drain]),
      heartbeatMs: limits.heartbeatMs,
      onEnd: () => {
        streams -= 1
      },
      onError: (error) => log.warn({ stream, err: describeError(error) }, 'a live stream broke off'),
    })
  }

  const versionOf = async (stream: StreamId, at: string | undefined): Promise<number> =>
    at === undefined ? ((await loadActor(db, stream))?.version ?? 0) : versionAt(db, stream, at)

  return {
    /** A stream's events, as a page of JSON or as a live stream. The caller has checked that the stream exists. */
    events: async (
      context: Context<ApiEnv>,
      stream: StreamId,
      query: z.infer<typeof eventsQuery>,
    ): Promise<{ readonly live: Response } | { readonly page: z.infer<typeof eventsPage> }> => {
      // Hono answers HEAD with GET's handler and drops the body: a live stream without a reader would never end.
      if (context.req.method === 'GET' && accepts(context.req.header('accept'), 'text/event-stream')) {
        return { live: follow(context, stream, lastEventId(context) ?? query.after_seq) }
      }
      const found = await readStream(db, stream, { afterVersion: query.after_seq, limit: query.limit + 1 })
      const events = found.slice(0, query.limit).map(numbered)
      return { page: { events, next_after_seq: found.length > query.limit ? (events.at(-1)?.seq ?? null) : null } }
    },

    /** The state of an actor after an event, at an instant or now, by replay. @throws RequestRefused no_such_state. */
    state: async <Name extends KindName>(
      kind: Name,
      stream: StreamId,
      query: z.infer<typeof stateQuery>,
    ): Promise<{ readonly snapshot: SnapshotOf[Name]; readonly event: StoredEvent }> => {
      const version = query.seq ?? (await versionOf(stream, query.at))
      const [event] = await readStream(db, stream, { afterVersion: version - 1, upToVersion: version })
      const snapshot = event === undefined ? null : await stateAt(db, kind, stream, version)
      if (event === undefined || snapshot === null) {
        throw noSuchState(
          query.at === undefined ? `there is no event ${version}` : `there was nothing yet at ${query.at}`,
        )
      }
      return { snapshot, event }
    },

    /** The differences between two states, as `show` shows them. @throws RequestRefused no_such_state. */
    changes: async <Name extends KindName>(
      kind: Name,
      stream: StreamId,
      { query, show }: { query: z.infer<typeof changesQuery>; show: (snapshot: SnapshotOf[Name]) => unknown },
    ): Promise<z.infer<typeof stateChanges>> => {
      const { from, to = await versionOf(stream, undefined) } = query
      const events = await readStream(db, stream, { upToVersion: Math.max(from, to) })
      const shown = new Map<number, unknown>()
      for (const step of stepThrough(kinds[kind], events))
        if (step.seq === from || step.seq === to) shown.set(step.seq, show(step.snapshot))
      for (const version of [from, to]) if (!shown.has(version)) throw noSuchState(`there is no event ${version}`)
      return { from, to, changes: [...changesBetween(shown.get(from), shown.get(to))] }
    },
  }
}

function noSuchState(message: string): RequestRefused {
  return new RequestRefused({ kind: 'no_such_state' }, message)
}

function numbered(event: StoredEvent) {
  return { seq: event.version, ...event }
}

/** The seq after which a reader resumes (WHATWG HTML, "The Last-Event-ID header"). */
function lastEventId(context: Context<ApiEnv>): number | null {
  const header = context.req.header('last-event-id')
  if (header === undefined || header === '') return null
  const parsed = seq.safeParse(/^\d{1,10}$/.test(header) ? header : Number.NaN)
  if (parsed.success) return parsed.data
  const message = 'is the id of the last event that was received: a whole number'
  throw invalidRequest([{ path: '/headers/last-event-id', code: 'invalid', message }])
}

function accepts(header: string | undefined, mediaType: string): boolean {
  return (header ?? '').split(',').some((range) => range.split(';')[0]?.trim().toLowerCase() === mediaType)
}
