/** Conditional requests (RFC 9110 section 13), pure. */

/** The validators of a representation. */
interface Validators {
  /** A strong entity tag with its quotes. */
  readonly etag: string
  readonly modifiedAt: Date
}

export type ConditionalRequest = Validators & { readonly headers: Headers }

/**
 * In the order of section 13.2.2: If-Match or else If-Unmodified-Since, then If-None-Match or else If-Modified-Since.
 * For GET and HEAD only. An invalid date is ignored (13.1.3, 13.1.4).
 */
export function precondition({ headers, etag, modifiedAt }: ConditionalRequest): 'met' | 'failed' | 'not modified' {
  const ifMatch = headers.get('if-match')
  const unmodifiedSince = httpDate(headers.get('if-unmodified-since'))
  if (ifMatch !== null) {
    if (!listHolds(ifMatch, etag)) return 'failed'
  } else if (unmodifiedSince !== null && wholeSeconds(modifiedAt) > unmodifiedSince) return 'failed'

  const ifNoneMatch = headers.get('if-none-match')
  const modifiedSince = httpDate(headers.get('if-modified-since'))
  if (ifNoneMatch !== null) {
    // If-None-Match takes weak comparison (13.1.2).
    if (listHolds(ifNoneMatch.replaceAll('W/"', '"'), etag)) return 'not modified'
  } else if (modifiedSince !== null && wholeSeconds(modifiedAt) <= modifiedSince) return 'not modified'
  return 'met'
}

/**
 * False when If-Range makes the server ignore Range (section 13.1.5): the reader's copy is of another representation. A
 * date is a strong validator only if the last write was more than a second ago (section 8.8.2.2).
 */
export function rangeCounts({ headers, etag, modifiedAt, now }: ConditionalRequest & { readonly now: Date }): boolean {
  const ifRange = headers.get('if-range')?.trim()
  if (ifRange === undefined) return true
  if (ifRange.includes('"')) return ifRange === etag
  const modified = wholeSeconds(modifiedAt)
  return httpDate(ifRange) === modified && modified + 1000 < now.getTime()
}

/** True when a tag list holds this strong tag, by strong comparison (section 8.8.3.2), or is `*`. */
function listHolds(list: string, etag: string): boolean {
  if (list.trim() === '*') return true
  return list.match(/(?:W\/)?"[^"]*"/g)?.includes(etag) ?? false
}

/** Milliseconds since 1970. Reads all three forms of section 5.6.7; asctime has no time zone and is UTC. */
function httpDate(text: string | null): number | null {
  if (text === null) return null
  const time = Date.parse(/GMT$/.test(text.trim()) ? text : `${text} GMT`)
  return Number.isNaN(time) ? null : time
}

/** HTTP dates have no fractions of a second. */
function wholeSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000) * 1000
}
