/** Conditional requests (RFC 9110 section 13), pure. */

/** What a representation is compared by. */
interface Validators {
  /** A strong entity tag with its quotes. */
  readonly etag: string
  readonly modifiedAt: Date
}

export type ConditionalRequest = Validators & { readonly headers: Headers }

/**
 * In the order of section 13.2.2: If-Match or else If-Unmodified-Since, then If-None-Match or else If-Modified-Since.
 * For GET and HEAD only. A date that cannot be read is as good as none (13.1.3, 13.1.4).
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
    // Weak comparison: a weak tag of ours would be the same representation (13.1.2).
    if (listHolds(ifNoneMatch.replaceAll('W/"', '"'), etag)) return 'not modified'
  } else if (modifiedSince !== null && wholeSeconds(modifiedAt) <= modifiedSince) return 'not modified'
  return 'met'
}

/**
 * Whether a Range header counts (If-Range, section 13.1.5): only if the reader's copy is of this very representation. A date
 * proves that only if the file was not written in the last second before now (section 8.8.2.2).
 */
export function rangeCounts({ headers, etag, modifiedAt, now }: ConditionalRequest & { readonly now: Date }): boolean {
  const ifRange = headers.get('if-range')?.trim()
  if (ifRange === undefined) return true
  if (ifRange.includes('"')) return ifRange === etag
  const modified = wholeSeconds(modifiedAt)
  return httpDate(ifRange) === modified && modified + 1000 < now.getTime()
}

/** A tag list holds this strong tag, by strong comparison (section 8.8.3.2), or is `*`. */
function listHolds(list: string, etag: string): boolean {
  if (list.trim() === '*') return true
  return list.match(/(?:W\/)?"[^"]*"/g)?.includes(etag) ?? false
}

/** Milliseconds since 1970; all three forms of section 5.6.7, of which asctime does not say that it is UTC. */
function httpDate(text: string | null): number | null {
  if (text === null) return null
  const time = Date.parse(/GMT$/.test(text.trim()) ? text : `${text} GMT`)
  return Number.isNaN(time) ? null : time
}

/** HTTP dates know no fractions. */
function wholeSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000) * 1000
}
