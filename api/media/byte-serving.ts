/** A stored medium over HTTP: whole, in ranges, or conditionally (RFC 9110 sections 13 to 15). */
import { createHash } from 'node:crypto'
import { ReadableStream } from 'node:stream/web'
import type { Medium } from '../../actors/media/files/store.ts'
import type { ByteRange } from '../../actors/media/files/stored-file.ts'
import { precondition, rangeCounts } from './preconditions.ts'
import { contentRange, requestedRanges } from './ranges.ts'

export interface ServedMedium {
  readonly request: Request
  readonly medium: Medium
  readonly contentType: string
  readonly now: Date
  /**
   * Called once per range, after its last piece was handed to the connection or the reader disconnected, with the bytes
   * handed over. A range of which no byte was handed over causes no call. Must not throw.
   */
  readonly onSent: (sent: ByteRange) => void
}

/**
 * Answers GET and HEAD. The file is read in small pieces as the connection takes them, and closed when the reader is
 * done or disconnects. A reader has no time limit: a BMC takes an hour. Every answer has a Content-Length and no
 * compression (BMCs take neither chunks nor encodings, redfish/quirks.md section 7).
 */
export function serveMedium(served: ServedMedium): Response {
  const { request, medium, now } = served
  const conditional = { headers: request.headers, etag: medium.etag, modifiedAt: medium.modifiedAt }
  const condition = precondition(conditional)
  if (condition === 'not modified') return reply({ served, status: 304 })
  if (condition === 'failed') return reply({ served, status: 412, headers: { 'content-length': '0' } })

  // Range is defined for GET only (section 14.2).
  const header = request.method === 'GET' && rangeCounts({ ...conditional, now }) ? request.headers.get('range') : null
  const requested = requestedRanges({ header: header ?? undefined, sizeBytes: medium.sizeBytes })
  if (requested.kind === 'whole') return whole(served)
  if (requested.kind === 'unsatisfiable') {
    const headers = { 'content-range': `bytes */${medium.sizeBytes}`, 'content-length': '0' }
    return reply({ served, status: 416, headers })
  }
  const [range, ...more] = requested.ranges
  // One range must not be sent as a multipart (section 15.3.7.2).
  return range !== undefined && more.length === 0 ? singlePart(served, range) : multipart(served, requested.ranges)
}

function whole(served: ServedMedium): Response {
  const { sizeBytes } = served.medium
  const headers = { 'content-type': served.contentType, 'content-length': String(sizeBytes) }
  const body = served.request.method === 'HEAD' ? null : pieces(served, { offset: 0, lengthBytes: sizeBytes })
  return reply({ served, status: 200, headers, body })
}

function singlePart(served: ServedMedium, range: ByteRange): Response {
  const headers = {
    'content-type': served.contentType,
    'content-length': String(range.lengthBytes),
    'content-range': contentRange(range, served.medium.sizeBytes),
  }
  return reply({ served, status: 206, headers, body: pieces(served, range) })
}

/** multipart/byteranges (section 14.6). */
function multipart(served: ServedMedium, ranges: readonly ByteRange[]): Response {
  const { etag, sizeBytes } = served.medium
  // A digest of the tag: the medium does not hold it by chance.
  const boundary = createHash('sha256').update(etag).digest('hex').slice(0, 40)
  const parts = ranges.map((range) => ({
    range,
    head: partHead({ boundary, range, sizeBytes, contentType: served.contentType }),
  }))
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`)
  const lengthBytes = parts.reduce((sum, { head, range }) => sum + head.length + range.lengthBytes, tail.length)

  async function* body() {
    for (const { head, range } of parts) {
      yield head
      yield* pieces(served, range)
    }
    yield tail
  }

  const headers = {
    'content-type': `multipart/byteranges; boundary=${boundary}`,
    'content-length': String(lengthBytes),
  }
  return reply({ served, status: 206, headers, body: body() })
}

function partHead(part: {
  readonly boundary: string
  readonly range: ByteRange
  readonly sizeBytes: number
  readonly contentType: string
}): Buffer {
  const range = contentRange(part.range, part.sizeBytes)
  return Buffer.from(`\r\n--${part.boundary}\r\nContent-Type: ${part.contentType}\r\nContent-Range: ${range}\r\n\r\n`)
}

/** Yields a range's bytes, and reports to `onSent` how many of them the connection took. */
async function* pieces(
  { medium, onSent }: ServedMedium,
  range: ByteRange,
): AsyncGenerator<Uint8Array, void, undefined> {
  let lengthBytes = 0
  try {
    for await (const piece of medium.read(range)) {
      lengthBytes += piece.length
      yield piece
    }
  } finally {
    if (lengthBytes > 0) onSent({ offset: range.offset, lengthBytes })
  }
}

/** An answer with the headers that all have. A task ISO holds secrets, so caches on the way must not store it. */
function reply(answer: {
  readonly served: ServedMedium
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: AsyncIterable<Uint8Array> | null
}): Response {
  const { etag, modifiedAt } = answer.served.medium
  const headers = {
    'accept-ranges': 'bytes',
    etag,
    'last-modified': modifiedAt.toUTCString(),
    'cache-control': 'no-store, no-transform',
    ...answer.headers,
  }
  const body = answer.body ? ReadableStream.from(answer.body) : null
  return new Response(body, { status: answer.status, headers })
}
