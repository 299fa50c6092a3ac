/**
 * Takes secrets out of a BMC's words before they get into an error: BMCs echo the request in their messages (iDRAC
 * RAC0720 and sushy-tools repeat the image URL, quirks.md 5), and the image URL's path is a bearer token.
 */

export type Redact = (text: string) => string

/** A path segment of at least this length counts as a token or a name made for one attempt. */
const SEGMENT_CHARS_MIN = 8

/** The base64 form of a shorter secret is part of too many words. */
const ENCODED_CHARS_MIN = 6

/**
 * Replaces every occurrence of the given secrets by `<secret>`, plain, percent-encoded or in base64, in any letter case.
 */
export function redactSecrets(secrets: readonly string[]): Redact {
  const forms = secrets.flatMap((secret) => [
    secret,
    encodeURIComponent(secret.toWellFormed()),
    ...(secret.length < ENCODED_CHARS_MIN ? [] : [inBase64(secret)]),
  ])
  return replaceAll(forms, '<secret>')
}

/** Leaves out the padding, because a text may do so. */
function inBase64(secret: string): string {
  return Buffer.from(secret).toString('base64').replace(/=+$/, '')
}

/**
 * Replaces an image URL by `<image>`: whole, from its origin to the next blank or quote (BMCs cut or extend it), its
 * path, and each long segment of it, plain and percent-decoded.
 */
export function redactImage(image: string): Redact {
  if (!URL.canParse(image)) return replaceAll([image], '<image>')
  const url = new URL(image)
  const pieces = [image, url.href, `${url.pathname}${url.search}`, url.pathname, url.search.slice(1)]
  const segments = url.pathname.split('/').filter((segment) => segment.length >= SEGMENT_CHARS_MIN)
  const literal = replaceAll(
    [...pieces, ...segments].flatMap((piece) => [piece, percentDecoded(piece)]).filter((piece) => piece.length > 1),
    '<image>',
  )
  if (url.origin === 'null') return literal
  const fromOrigin = new RegExp(`${RegExp.escape(url.origin)}[^\\s"'<>]*`, 'gi')
  return (text) => literal(text.replace(fromOrigin, '<image>'))
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) return text
    throw error
  }
}

function replaceAll(needles: readonly string[], replacement: string): Redact {
  const known = [...new Set(needles.filter((needle) => needle !== ''))].sort((a, b) => b.length - a.length)
  if (known.length === 0) return (text) => text
  const pattern = new RegExp(known.map((needle) => RegExp.escape(needle)).join('|'), 'gi')
  return (text) => text.replace(pattern, replacement)
}
