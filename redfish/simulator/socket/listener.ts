/**
 * The socket of one simulated BMC: it reads HTTP or HTTPS, applies faults, logs requests and writes answers. `bmc.ts`
 * decides on each request.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { setTimeout as wait } from 'node:timers/promises'
import type { Bmc } from '../bmc/bmc.ts'
import { refuse } from '../bmc/messages.ts'
import type { Reply } from '../bmc/reply.ts'
import { Stopped } from '../world/background.ts'
import { BoundedLog } from '../world/bounded-log.ts'
import type { Certificate } from './certificate.ts'
import { type ControlledBmc, control, controlPrefix } from './control.ts'
import type { Fault, Faults } from './faults.ts'

const bodyBytesMax = 65_536
const connectionsMax = 256
const requestsMax = 5_000

/** A request that was received and is not answered yet. */
export type RequestUnderWay = { readonly method: string; readonly path: string }

/** One finished request; `status` is null when the connection was closed without an answer. */
export type LoggedRequest = {
  readonly at: Date
  readonly method: string
  readonly path: string
  readonly status: number | null
}

export type ListenerOptions = {
  readonly bmc: Pick<Bmc, 'clock' | 'answer' | 'inStyle'>
  readonly faults: Faults
  readonly closing: AbortSignal
  readonly certificate: Certificate | null
  /** Null: there is no control endpoint. */
  readonly control: ControlledBmc | null
  readonly onRequest: (request: LoggedRequest & { readonly durationMs: number }) => void
}

export class Listener {
  readonly #options: ListenerOptions
  readonly #requests = new BoundedLog<LoggedRequest>(requestsMax)
  readonly #underWay = new Set<RequestUnderWay>()
  readonly #server: Server

  constructor(options: ListenerOptions) {
    this.#options = options
    const { certificate } = options
    const onRequest = (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response)
    this.#server =
      certificate === null
        ? createServer(onRequest)
        : createTlsServer(
            { key: certificate.keyPem, cert: certificate.certificatePem, minVersion: 'TLSv1.2' },
            onRequest,
          )
    this.#server.maxConnections = connectionsMax
  }

  get requests(): readonly LoggedRequest[] {
    return this.#requests.entries
  }

  get underWay(): readonly RequestUnderWay[] {
    return [...this.#underWay]
  }

  /** Resolves with the port. Rejects when the address cannot be bound. */
  async listen(address: { readonly host: string; readonly port: number }): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#server.once('error', reject)
    this.#server.listen(address, resolve)
    await promise
    this.#server.off('error', reject)
    const bound = this.#server.address()
    if (bound === null || typeof bound === 'string') throw new Error('the simulator listens on no port')
    return bound.port
  }

  /** Closes every connection. It does nothing when the listener does not listen. */
  async close(): Promise<void> {
    if (!this.#server.listening) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#server.close(() => resolve())
    this.#server.closeAllConnections()
    await promise
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { bmc, closing } = this.#options
    const method = request.method ?? ''
    const path = (request.url ?? '/').split('?')[0] ?? '/'
    const at = bmc.clock.now()
    const log = (status: number | null) => {
      const logged = { at, method, path, status }
      this.#requests.add(logged)
      this.#options.onRequest({ ...logged, durationMs: bmc.clock.now().getTime() - at.getTime() })
    }
    const underWay = { method, path }
    this.#underWay.add(underWay)
    try {
      const body = await readBody(request)
      if (this.#options.control !== null && path.startsWith(controlPrefix)) {
        write(response, method, control({ method, path, body: body ?? Buffer.alloc(0) }, this.#options.control))
        return
      }
      const fault = this.#options.faults.take({ method, path })
      if (fault?.until !== undefined) await Promise.race([fault.until, once(closing, 'abort')])
      closing.throwIfAborted()
      if (fault?.delayMs !== undefined) await wait(fault.delayMs, undefined, { signal: closing })
      if (fault?.drop === 'before') {
        log(null)
        request.socket.destroy()
        return
      }
      const reply = this.#faultReply(fault) ?? (await this.#answer(request, { method, path, body }))
      if (reply === null || fault?.drop === 'after') {
        log(null)
        request.socket.destroy()
        return
      }
      log(reply.status)
      write(response, method, reply)
    } catch (error) {
      request.socket.destroy()
      // The client went away while it sent, or the simulator is closing: there is no connection for an answer.
      if (!request.complete || closing.aborted || error instanceof Stopped) return
      throw error
    } finally {
      this.#underWay.delete(underWay)
    }
  }

  async #answer(
    request: IncomingMessage,
    { method, path, body }: { method: string; path: string; body: Buffer | null },
  ): Promise<Reply | null> {
    const { bmc } = this.#options
    if (body === null) return bmc.inStyle(refuse(413, { key: 'PayloadTooLarge', headers: { connection: 'close' } }))
    const header = (name: string): string | null => [request.headers[name]].flat()[0] ?? null
    return await bmc.answer({ method, path, header, body })
  }

  #faultReply(fault: Fault | null): Reply | null {
    if (fault?.status === undefined) return null
    const { status, headers = {}, body } = fault
    if (body !== undefined) return { status, headers, body }
    return status < 400
      ? { status, headers }
      : this.#options.bmc.inStyle(refuse(status, { key: 'GeneralError', headers }))
  }
}

/** The whole body, or null when it is longer than allowed; the excess is read and discarded. */
async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of request) {
    size += part.length
    if (size <= bodyBytesMax) parts.push(part)
    // A client that sends sixteen times the limit gets no answer.
    if (size > 16 * bodyBytesMax) throw new Stopped('the body does not end')
  }
  return size > bodyBytesMax ? null : Buffer.concat(parts)
}

function write(response: ServerResponse, method: string, reply: Reply): void {
  const text = reply.text ?? (reply.body === undefined ? null : JSON.stringify(reply.body))
  const bytes = text === null ? null : Buffer.from(text)
  response.writeHead(reply.status, {
    'odata-version': '4.0',
    'cache-control': 'no-cache',
    ...(bytes === null ? {} : { 'content-type': 'application/json; charset=utf-8', 'content-length': bytes.length }),
    ...reply.headers,
  })
  response.end(method === 'HEAD' || bytes === null ? undefined : bytes)
}
