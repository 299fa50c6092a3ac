/**
 * Percent-encoded and base64 text that identifies: BMCs repeat a URL encoded in their messages, and a certificate holds
 * the name of its subject. The text is decoded and redacted; where that changes it, the encoded form is replaced.
 */

/** Shorter runs are words. */
const base64CharsMin = 12

/** A quick test before the expensive ones: most texts are a word or a link. */
const mayBeEncoded = /%|[A-Za-z\d+/=_-]{12}/

/** A certificate or a key, whole or cut off. JSON inside a text has its line ends as `\n`. */
const pemForm = /-----BEGIN [A-Z\d ]{1,40}-----[A-Za-z\d+/=\s\\]*(?:-----END [A-Z\d ]{1,40}-----)?/g

/**
 * The text with its encoded runs replaced, where redacting the decoded run changes it.
 * @param replaced makes the stand-in of a run from its decoded and redacted text.
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

/** Changes each run between separators by itself; the separators stay. */
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

/** Null for a run that does not decode to readable text. */
function base64Decoded(run: string): string | null {
  if (run.length < base64CharsMin) return null
  const plain = Buffer.from(run, 'base64').toString('latin1')
  return /^[\t\n\r\x20-\x7e]{8,}$/.test(plain) ? plain : null
}
