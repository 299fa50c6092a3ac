// Delivers each event once and in order: drops known events, and fetches missing ones from the controller's HTTP API.

/** The members of a CloudEvent that the subscriber uses; the AsyncAPI document (`/asyncapi.json`) has all. */
export type CloudEvent = {
  readonly id: string
  readonly type: string
  readonly time: string
  /** The job or server as a path of the API, and the stream of its events. */
  readonly source: string
  readonly stream: string
  /** Counts from 1 without gaps within the stream; it gives the order and shows missing events. */
  readonly streamversion: number
  readonly stateto: string
  readonly data?: unknown
  /** Replaces data that is too large for a message: its URL in the API. */
  readonly dataref?: string
}

/** An event for the handler, from a message or from the API. */
export type Taken = {
  readonly id: string
  readonly stream: string
  readonly seq: number
  readonly type: string
  readonly at: string
  readonly state: string
  readonly data: unknown
}

/** The controllers' API; `token` is a bearer token, when they need one. */
export type Api = { readonly url: string; readonly token: string | undefined }

export type Ordered = { readonly taken: readonly Taken[]; readonly missing: { readonly before: number } | null }

const requestTimeoutMs = 10_000
const pageEvents = 200

/** Parses a message; null for a message of another publisher. */
export function parseEvent(payload: Uint8Array): CloudEvent | null {
  let event: Partial<CloudEvent> | null
  try {
    event = JSON.parse(Buffer.from(payload).toString('utf8'))
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
  const { id, type, time, source, stream, streamversion, stateto } = event ?? {}
  const texts = [id, type, time, source, stream, stateto]
  const complete = texts.every((text) => typeof text === 'string') && Number.isSafeInteger(streamversion)
  return complete ? (event as CloudEvent) : null
}

/**
 * The events to handle after version `known` of the stream: none for a known event, the event alone when it is the next one,
 * otherwise the events in between first, from the API. `missing` is the gap that remains.
 * @throws when the API does not answer: retry later, and acknowledge nothing until then.
 */
export async function takeInOrder(
  event: CloudEvent,
  { known, api, signal }: { readonly known: number; readonly api: Api | null; readonly signal: AbortSignal },
): Promise<Ordered> {
  if (event.streamversion <= known) return { taken: [], missing: null }
  const { id, stream, streamversion: seq, type, time: at, stateto: state, data = null } = event
  const itself: Taken = { id, stream, seq, type, at, state, data }
  const fetchFrom = event.dataref === undefined && seq === known + 1 ? null : known
  if (api === null || fetchFrom === null) {
    return { taken: [itself], missing: seq === known + 1 ? null : { before: seq } }
  }
  const fetched: Taken[] = []
  for await (const one of eventsAfter(fetchFrom, { source: event.source, api, signal })) {
    if (one.seq > seq) break
    fetched.push(one)
  }
  // Events that the API no longer has (archived and removed) are missing at the start, never in the middle.
  const [first] = fetched
  const taken = first !== undefined && fetched.at(-1)?.seq === seq ? fetched : [itself]
  const from = taken[0]?.seq ?? seq
  return { taken, missing: from === known + 1 ? null : { before: from } }
}

type StoredEvent = {
  readonly id: string
  readonly stream: string
  readonly seq: number
  readonly type: string
  readonly at: string
  readonly state_to: string
  readonly data: unknown
}

type Asked = { readonly source: string; readonly api: Api; readonly signal: AbortSignal }

/** `GET /api/v1/jobs/{id}/events?after_seq=`, page by page. */
async function* eventsAfter(afterSeq: number, { source, api, signal }: Asked): AsyncGenerator<Taken, void, undefined> {
  for (let after: number | null = afterSeq; after !== null; ) {
    const url: string = `${api.url.replace(/\/+$/, '')}${source}/events?after_seq=${after}&limit=${pageEvents}`
    const answer: Response = await fetch(url, {
      headers: { accept: 'application/json', ...(api.token && { authorization: `Bearer ${api.token}` }) },
      signal: AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]),
    })
    if (answer.status === 404) return
    if (!answer.ok) throw new Error(`GET ${url}: ${answer.status}`)
    const page = (await answer.json()) as {
      readonly events: readonly StoredEvent[]
      readonly next_after_seq: number | null
    }
    for (const { id, stream, seq, type, at, state_to: state, data } of page.events)
      yield { id, stream, seq, type, at, state, data }
    after = page.next_after_seq
  }
}
