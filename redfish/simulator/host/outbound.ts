/**
 * The HTTP requests that the simulated BMC and host send: image checks, range reads, reports. Each has a deadline and a
 * limit for its answer, and follows no redirect, like BMCs (quirks.md 7).
 */
import { Agent, request } from 'undici'

const connectTimeoutMs = 5_000

export type OutboundRequest = {
  readonly method: 'GET' | 'HEAD' | 'POST'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal: AbortSignal
  readonly deadlineMs: number
  readonly bodyBytesMax: number
}

export type OutboundResponse = {
  readonly status: number
  header(name: string): string | null
  readonly body: Buffer
}

/** The peer refused, cut off, answered too late or too much. The message names no path, because it may hold a token. */
export class OutboundError extends Error {
  override readonly name = 'OutboundError'
}

/**
 * Sends requests over connections that `close` ends, from the given local address or the system's choice. `trusted` is
 * the certificate of a CA, in PEM, in place of Node's CAs.
 */
export class Outbound {
  readonly #agent: Agent

  constructor({
    localAddress,
    trusted,
  }: { readonly localAddress?: string | undefined; readonly trusted?: string | undefined } = {}) {
    const from = localAddress === undefined ? {} : { localAddress }
    const ca = trusted === undefined ? {} : { ca: trusted }
    this.#agent = new Agent({ connect: { timeout: connectTimeoutMs, ...ca }, ...from })
  }

  /** @throws OutboundError; the signal's reason when it is aborted. */
  async send(wanted: OutboundRequest): Promise<OutboundResponse> {
    const signal = AbortSignal.any([wanted.signal, AbortSignal.timeout(wanted.deadlineMs)])
    try {
      const response = await request(wanted.url, {
        method: wanted.method,
        headers: wanted.headers ?? {},
        body: wanted.body ?? null,
        signal,
        dispatcher: this.#agent,
      })
      const parts: Buffer[] = []
      let size = 0
      for await (const part of response.body) {
        size += part.length
        if (size > wanted.bodyBytesMax) throw new RangeError(`the answer has more than ${wanted.bodyBytesMax} bytes`)
        parts.push(part)
      }
      return {
        status: response.statusCode,
        header: (name) => [response.headers[name]].flat()[0] ?? null,
        body: Buffer.concat(parts),
      }
    } catch (error) {
      wanted.signal.throwIfAborted()
      throw new OutboundError(`${wanted.method} ${originOf(wanted.url)}: no usable answer`, { cause: error })
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy()
  }
}

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : 'an address that is no URL'
}
