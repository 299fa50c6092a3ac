/** Redaction of the tokens in media URLs: tokens are never recorded, logged or shown. */
import { createHash } from 'node:crypto'

/** Replaces the token in the path or query of each media URL in a text. */
export function redactMediaTokens(text: string): string {
  return text
    .replace(/(\/media\/(?:tasks\/[0-9a-f-]{36}|images)\/)[^/\s"']+(?=\/)/g, '$1<token>')
    .replace(/([?&]sig=)[^&\s"']+/g, '$1<token>')
}

const digestChars = 16

/** Replaces each token by a digest, in URLs and in paths with either slash, so that different URLs stay different. */
export function digestMediaTokens(text: string): string {
  return text.replace(
    /([\\/]media[\\/]+(?:tasks[\\/]+[0-9a-f-]{36}|images)[\\/]+)([\w.~-]+)(?=[\\/"])/g,
    (_whole, before: string, token: string) =>
      `${before}${createHash('sha256').update(token).digest('hex').slice(0, digestChars)}`,
  )
}
