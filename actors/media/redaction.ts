/** Media URLs without what makes them secret: tokens are never recorded, logged or shown. */

/** Replaces the token in the path or query of any of our media URLs within a text. */
export function redactMediaTokens(text: string): string {
  return text
    .replace(/(\/media\/(?:tasks\/[0-9a-f-]{36}|images)\/)[^/\s"']+(?=\/)/g, '$1<token>')
    .replace(/([?&]sig=)[^&\s"']+/g, '$1<token>')
}
