/**
 * Turns a BMC's links (`@odata.id`, `Location`, action targets) into paths on the configured origin, or refuses them.
 * Credentials and tokens therefore only go to the address that the server was registered with.
 */

import { BlockList, isIP } from 'node:net'

/** Bound on a link; quirks.md knows none above 200 characters. */
const LINK_CHARS_MAX = 2048

export type RebasedLink = { readonly ok: true; readonly path: string } | { readonly ok: false; readonly detail: string }

/**
 * Networks whose addresses a BMC may name as its own behind address translation: private, loopback, link-local, shared.
 */
const INTERNAL = new BlockList()
for (const [network, prefix] of [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const) {
  INTERNAL.addSubnet(network, prefix, 'ipv4')
}
INTERNAL.addAddress('::1', 'ipv6')
INTERNAL.addSubnet('fc00::', 7, 'ipv6')
INTERNAL.addSubnet('fe80::', 10, 'ipv6')

/**
 * Re-bases a link to the configured origin: relative links, absolute links to the same host (whatever their scheme and
 * port: BMCs behind a forwarded port do not know it) and to an internal address (a BMC behind address translation names
 * its own, quirks.md 13) keep their path and query; links to another host are refused (spec/security.md). The fragment
 * is dropped: it names a part of a document that the client reads whole.
 */
export function rebaseLink(link: string, base: { readonly origin: string }): RebasedLink {
  if (link.length > LINK_CHARS_MAX) return { ok: false, detail: `a link of ${link.length} characters` }
  const origin = new URL(base.origin)
  if (!URL.canParse(link, origin)) return { ok: false, detail: 'a link that is not a URL' }
  const url = new URL(link, origin)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return { ok: false, detail: `a ${url.protocol} link` }
  if (url.hostname !== origin.hostname && !isInternal(url.hostname)) {
    return { ok: false, detail: `a link to another host (${url.hostname.slice(0, 255)})` }
  }
  return { ok: true, path: `${url.pathname}${url.search}` }
}

/**
 * The target of a redirect, which must be on the configured origin (quirks.md 13). A redirect to another scheme or port
 * is refused with advice: following it by its path alone would go in circles.
 */
export function redirectTarget(
  location: string,
  base: { readonly origin: string; readonly path: string },
): RebasedLink {
  const from = new URL(base.path, base.origin)
  if (location.length > LINK_CHARS_MAX || !URL.canParse(location, from)) return rebaseLink(location, base)
  const url = new URL(location, from)
  if (url.hostname !== from.hostname)
    return { ok: false, detail: `a link to another host (${url.hostname.slice(0, 255)})` }
  if (url.origin !== from.origin)
    return { ok: false, detail: `a link to ${url.origin}: register the BMC with that address` }
  return { ok: true, path: `${url.pathname}${url.search}` }
}

function isInternal(hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, '')
  const family = isIP(address)
  return family !== 0 && INTERNAL.check(address, family === 4 ? 'ipv4' : 'ipv6')
}
