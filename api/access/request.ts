/** What middleware puts onto a request, and what handlers read from it. */
import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { Requester } from '../../actors/commands/requester.ts'
import type { Principal } from './principals.ts'

export type ApiEnv = {
  Bindings: Partial<HttpBindings>
  Variables: {
    /** `X-Request-Id` as sent, where it is sane, else a new id. It is the causation id of events. */
    requestId: string
    /** W3C traceparent, or null. */
    trace: string | null
    /** Null where no authentication is asked for. */
    principal: Principal | null
  }
}

/** Who asks, as commands want it. */
export function requesterOf(context: Context<ApiEnv>): Requester {
  const principal = context.get('principal')
  return {
    actor: `principal:${principal?.name ?? 'anonymous'}`,
    requestId: context.get('requestId'),
    trace: context.get('trace'),
  }
}

/**
 * Where a request comes from, for rate limits: the peer's IPv4 address, or the /64 network of its IPv6 address, since
 * one host has all of that. `in-process` for requests that came over no socket.
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
