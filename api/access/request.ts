/** The variables that middleware sets on a request and handlers read. */
import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { Requester } from '../../actors/commands/requester.ts'
import type { Principal } from './principals.ts'

export type ApiEnv = {
  Bindings: Partial<HttpBindings>
  Variables: {
    /** `X-Request-Id` as sent if it is well-formed, else a new id. It is the causation id of events. */
    requestId: string
    /** W3C traceparent, or null. */
    trace: string | null
    /** Null on a path that needs no authentication. */
    principal: Principal | null
  }
}

/** The requester of a command, from the request's variables. */
export function requesterOf(context: Context<ApiEnv>): Requester {
  const principal = context.get('principal')
  return {
    actor: `principal:${principal?.name ?? 'anonymous'}`,
    requestId: context.get('requestId'),
    trace: context.get('trace'),
  }
}

/**
 * The source of a request, for rate limits: the peer's IPv4 address, or the /64 network of its IPv6 address, because
 * one host owns a whole /64. `in-process` for a request without a socket.
 */
export function sourceOf(context: Context<ApiEnv>): string {
  const bindings: Partial<HttpBindings> | undefined = context.env
  const address = bindings?.incoming?.socket.remoteAddress
  if (address === undefined) return 'in-process'
  const ipv4 = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  return ipv4 ?? network64(address)
}

function network64(address: string): string {
  const [head = '', tail] = address.split('%', 1).join('').split('::')
  const groups = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - groups.length - after.length)).fill('0')
  return `${[...groups, ...zeros, ...after].slice(0, 4).join(':')}::/64`
}
