/**
 * Percent-encoded and base64 text that identifies: BMCs repeat a URL encoded in their messages, and a certificate has the
 * name of its subject in it. Found by what it says when it is decoded.
 */

/** Shorter ones are words. */
const base64CharsMin = 12

/** To be asked first: most texts are a word or a link. */
const mayBeEncoded = /%|[A-Za-z\d+/=_-]{12}/

/** A certificate or a key, whole or cut off. JSON that was put into a text has its line ends as `\n`. */
const pemForm = /-----BEGIN [A-Z\d ]{1,40}-----[A-Za-z\d+/=\s\\]*(?:-----END [A-Z\d ]{1,40}-----)?/g

/**
 * The text with what is encoded in it replaced, where that changes when it is redacted as plain text.
 * @param replaced what stands for it, given what it says without what identifies.
 */
export function redactEncoded(
  text: string,
  redact: (plain: string) => string,
  replaced: (redacted: string) => string,
): string {
  if (!mayBeEncoded.test(text)) return text
  const changed = (plain: string | null) => {
    const redacted = plain === null ? null : redact(plain)
    return redacted === plain ? null : redacted
  }
  const withoutPem = text.replace(pemForm, () => replaced('<pem>'))
  const withoutPercents = inRuns(withoutPem, /[\s"'<>\uE000\uE001]+/, (run) => {
    const plain = changed(run.includes('%') ? percentDecoded(run) : null)
    return plain === null ? run : replaced(plain)
  })
  return inRuns(withoutPercents, /[^A-Za-z\d+/=_-]+/, (run) =>
    inRuns(run, changed(base64Decoded(run)) === null ? /\/+/ : /^$/, (part) =>
      changed(base64Decoded(part)) === null ? part : replaced('<encoded>'),
    ),
  )
}

/** Each run between separators by itself; the separators stay. */
function inRuns(text: string, separator: RegExp, change: (run: string) => string): string {
  return text
    .split(new RegExp(`(${separator.source})`))
    .map((run, index) => (index % 2 === 0 && run !== '' ? change(run) : run))
    .join('')
}

function percentDecoded(run: string): string | null {
  const plain = run.replace(/(?:%[\da-f]{2})+/gi, (bytes) =>
    Buffer.from(bytes.replaceAll('%', ''), 'hex').toString('utf8'),
  )
  return plain === run ? null : plain
}

/** Null for what does not decode to text that can be read. */
function base64Decoded(run: string): string | null {
  if (run.length < base64CharsMin) return null
  const plain = Buffer.from(run, 'base64').toString('latin1')
  return /^[\t\n\r\x20-\x7e]{8,}$/.test(plain) ? plain : null
}
