/** Measures, from its bytes alone, how large JSON will be after parsing. */

export type JsonSize = {
  /** The deepest nesting of arrays and objects. */
  readonly depth: number
  /** An upper bound for the number of values; names of members do not count. */
  readonly values: number
}

const [quote, backslash, comma, openArray, closeArray, openObject, closeObject] = Buffer.from('"\\,[]{}')

/** One pass, no recursion. Text that is not JSON has a size, too. */
export function measureJson(bytes: Uint8Array): JsonSize {
  let [depth, deepest, values] = [0, 0, 1]
  let inString = false
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index]
    if (inString) {
      if (byte === backslash) index++
      else if (byte === quote) inString = false
    } else if (byte === quote) inString = true
    else if (byte === comma) values++
    else if (byte === openArray || byte === openObject) {
      values++
      depth++
      if (depth > deepest) deepest = depth
    } else if (byte === closeArray || byte === closeObject) depth--
  }
  return { depth: deepest, values }
}
