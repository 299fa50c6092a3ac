/** Server-sent events: an answer of messages that ends when the reader disconnects or the server drains. */

type SseMessage = { readonly id: string; readonly data: unknown }

export type SseOptions = {
  /** Yields the messages until the signal aborts. */
  readonly messages: (signal: AbortSignal) => AsyncIterable<SseMessage>
  /** Aborted when the reader disconnects or the server drains. */
  readonly signal: AbortSignal
  /** After this much silence a comment is sent, so that proxies keep the idle connection open. */
  readonly heartbeatMs: number
  readonly onEnd: () => void
  /** Called with the error of the source; the reader only sees the connection end. */
  readonly onError: (error: unknown) => void
}

const silence = Symbol('silence')

/**
 * Pulls one message at a time, as the connection takes them: a slow reader costs no memory here. An error of the source
 * ends the connection, so that the reader reconnects with `Last-Event-ID`.
 */
export function sseResponse({ messages, signal, heartbeatMs, onEnd, onError }: SseOptions): Response {
  const gone = new AbortController()
  const either = AbortSignal.any([signal, gone.signal])
  const source = messages(either)[Symbol.asyncIterator]()
  let pending: Promise<IteratorResult<SseMessage>> | null = null
  let ended = false
  const end = () => {
    if (ended) return
    ended = true
    gone.abort()
    onEnd()
    // A source that is suspended at a yield does not see the signal.
    source.return?.().catch(onError)
  }
  const encoder = new TextEncoder()

  const body = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        try {
          pending ??= source.next()
          const next = await orSilence(pending, heartbeatMs)
          if (next === silence) {
            controller.enqueue(encoder.encode(': still here\n\n'))
            return
          }
          pending = null
          if (next.done) {
            end()
            controller.close()
            return
          }
          controller.enqueue(encoder.encode(written(next.value)))
        } catch (error) {
          onError(error)
          end()
          throw error
        }
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  )
  return new Response(body, {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' },
  })
}

/** JSON has no line ends of its own, so one data line is enough. */
function written({ id, data }: SseMessage): string {
  return `id: ${id}\ndata: ${JSON.stringify(data)}\n\n`
}

async function orSilence<Result>(result: Promise<Result>, afterMs: number): Promise<Result | typeof silence> {
  const quiet = Promise.withResolvers<typeof silence>()
  const timer = setTimeout(() => quiet.resolve(silence), afterMs)
  try {
    return await Promise.race([result, quiet.promise])
  } finally {
    clearTimeout(timer)
  }
}
