/**
 * Links that a BMC hands out (`@odata.id`, `Location`, action targets) become paths on the configured origin, or are
 * refused. Credentials and tokens therefore never leave the address that the server was registered with.
 */

/** Longest link that is followed; quirks.md knows none above 200 characters. */
const LINK_CHARS_MAX = 2048

export type RebasedLink = { readonly ok: true; readonly path: string } | { readonly ok: false; readonly detail: string }

/**
 * Re-bases a link to the configured origin: relative links and absolute links to the same host (whatever their scheme
 * and port: BMCs behind a forwarded port do not know it) keep their path and query; links to another host are refused
 * (spec/security.md). The fragment is dropped: it names a part of a document that we read whole.
 */
export function rebaseLink(link: string, base: { readonly origin: string }): RebasedLink {
  if (link.length > LINK_CHARS_MAX) return { ok: false, detail: `a link of ${link.length} characters` }
  const origin = new URL(base.origin)
  if (!URL.canParse(link, origin)) return { ok: false, detail: 'a link that is not a URL' }
  const url = new URL(link, origin)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return { ok: false, detail: `a ${url.protocol} link` }
  if (url.hostname.toLowerCase() !== origin.hostname.toLowerCase()) {
    return { ok: false, detail: `a link to another host (${url.hostname.slice(0, 255)})` }
  }
  return { ok: true, path: `${url.pathname}${url.search}` }
}
