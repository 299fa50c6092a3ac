/** Sends one request as it is: behind the ones that wait for this BMC, and reported to the caller's observers. */
import type { HttpBmcOptions, Limits, Surroundings } from '../options.ts'
import { observeExchange } from '../wire/observe-exchange.ts'
import { redactSecrets } from '../wire/redaction.ts'
import type { SendOptions, Transport, WireAnswer, WireRequest } from '../wire/transport.ts'
import { createRequestQueue } from './queue.ts'

export type SendContext = SendOptions & { readonly operation: string; readonly attempt: number }

/** Rejects with `Fault`. */
export type Send = (request: WireRequest, context: SendContext) => Promise<WireAnswer>

/** @param secrets the secrets of the moment, which are cut out of an exchange before the caller sees it. */
export function createSend(
  options: Pick<HttpBmcOptions, 'onRequest' | 'onExchange'>,
  parts: { transport: Transport; limits: Limits; surroundings: Surroundings; secrets: () => readonly string[] },
): Send {
  const { transport, surroundings } = parts
  const enqueue = createRequestQueue(parts.limits)

  async function exchange(request: WireRequest, context: SendContext): Promise<WireAnswer> {
    const startedMs = surroundings.now()
    let answered: WireAnswer | null = null
    try {
      answered = await transport.send(request, context)
      return answered
    } finally {
      const { method, path } = request
      const { operation, attempt } = context
      const elapsedMs = surroundings.now() - startedMs
      options.onRequest?.({ operation, method, path, status: answered?.status ?? null, elapsedMs, attempt })
      const observed = { operation, request, answer: answered, elapsedMs }
      options.onExchange?.(observeExchange(observed, redactSecrets(parts.secrets())))
    }
  }

  return (request, context) => enqueue(context.signal, () => exchange(request, context))
}
