/** Media URLs without what makes them secret: tokens are never recorded, logged or shown. */
import { createHash } from 'node:crypto'

/** Replaces the token in the path or query of any of our media URLs within a text. */
export function redactMediaTokens(text: string): string {
  return text
    .replace(/(\/media\/(?:tasks\/[0-9a-f-]{36}|images)\/)[^/\s"']+(?=\/)/g, '$1<token>')
    .replace(/([?&]sig=)[^&\s"']+/g, '$1<token>')
}

const digestChars = 16

/** A digest in place of the token, in URLs and in paths of whichever slashes: two URLs are still two. */
export function digestMediaTokens(text: string): string {
  return text.replace(
    /([\\/]media[\\/]+(?:tasks[\\/]+[0-9a-f-]{36}|images)[\\/]+)([\w.~-]+)(?=[\\/"])/g,
    (_whole, before: string, token: string) =>
      `${before}${createHash('sha256').update(token).digest('hex').slice(0, digestChars)}`,
  )
}
