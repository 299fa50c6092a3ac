/**
 * Arbitrary texts for properties. fast-check's own, `string({unit: 'binary'})` and `webUrl`, first make a table of every
 * character there is, which costs each process ten seconds of CPU time.
 */
import fc from 'fast-check'

const codePoint = fc.oneof(
  fc.integer({ min: 0, max: 0x7f }),
  fc.integer({ min: 0x80, max: 0xd7ff }),
  fc.integer({ min: 0xe000, max: 0x10_ffff }),
)
const pathCharacters = [..."azAZ09-._~!$&'()*+,;=:@"]

/** Any characters, NUL included; no lone surrogates. */
export function anyText({ minLength = 0 } = {}): fc.Arbitrary<string> {
  return fc.array(codePoint, { minLength }).map((codes) => String.fromCodePoint(...codes))
}

/** An http or https URL with any path. */
export function webUrl(): fc.Arbitrary<string> {
  const segment = fc.oneof(anyText().map(encodeURIComponent), fc.string({ unit: fc.constantFrom(...pathCharacters) }))
  const path = fc.array(segment, { maxLength: 6 }).map((segments) => segments.map((one) => `/${one}`).join(''))
  return fc
    .tuple(fc.constantFrom('http', 'https'), fc.webAuthority(), path)
    .map(([scheme, authority, rest]) => `${scheme}://${authority}${rest}`)
}
