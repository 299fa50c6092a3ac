/** Counts requests for media and the bytes handed to connections. */
import { ReadableStream } from 'node:stream/web'
import type { MiddlewareHandler } from 'hono'
import type { ApiEnv } from '../access/request.ts'
import type { ApiMetrics } from '../operation/metrics.ts'

export function meterMedia({ mediaRequests, mediaBytes }: ApiMetrics): MiddlewareHandler<ApiEnv> {
  return async (context, next) => {
    await next()
    const { res } = context
    mediaRequests.inc({ code: res.status })
    if (res.body === null || context.req.method === 'HEAD') return
    const { status, headers } = res
    context.res = undefined
    context.res = new Response(counted(res.body, mediaBytes), { status, headers })
  }
}

/** The same pieces, pulled only on demand: `pieces` in byte-serving.ts counts every piece that is pulled as read. */
function counted(body: AsyncIterable<Uint8Array>, counter: ApiMetrics['mediaBytes']) {
  async function* pieces() {
    for await (const piece of body) {
      counter.inc(piece.length)
      yield piece
    }
  }
  return ReadableStream.from(pieces())
}
