/**
 * Parses the bytes of an answer. The transport bounds a BMC's JSON in size, and this file in depth, so that a hostile
 * document costs one clear failure (spec/security.md).
 */

/** The body of an answer; `why`: the reason for which a text is no JSON. */
export type Body =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'text'; readonly text: string; readonly why: string }
  | { readonly kind: 'none' }

/**
 * Parses a body. Never throws: HTML error pages, plain text (sushy-tools) and truncated documents come back as `text`
 * with the reason, an empty or blank body as `none` (quirks.md 10).
 */
export function parseBody(bytes: Uint8Array, limits: { readonly jsonDepthMax: number }): Body {
  const text = new TextDecoder('utf-8').decode(bytes).trim()
  if (text === '') return { kind: 'none' }
  if (isDeeperThan(text, limits.jsonDepthMax)) {
    return { kind: 'text', text: '', why: `JSON nested deeper than ${limits.jsonDepthMax} levels` }
  }
  try {
    return { kind: 'json', value: JSON.parse(text) }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return { kind: 'text', text, why: 'not JSON' }
  }
}

/** True when brackets outside of strings nest deeper than `depthMax`. One pass, no recursion. */
export function isDeeperThan(text: string, depthMax: number): boolean {
  let depth = 0
  let inString = false
  for (let index = 0; index < text.length; index++) {
    const char = text[index]
    if (inString) {
      if (char === '\\') index++
      else if (char === '"') inString = false
    } else if (char === '"') inString = true
    else if (char === '{' || char === '[') {
      depth++
      if (depth > depthMax) return true
    } else if (char === '}' || char === ']') depth--
  }
  return false
}
