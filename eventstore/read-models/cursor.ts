/** Opaque cursors of lists: the place where the last page ended, as text that clients hand back unread. */

/** A cursor that no list has handed out. */
export class InvalidCursor extends Error {
  override readonly name = 'InvalidCursor'
}

const cursorCharsMax = 512

/** Packs the sort key of a page's last row. */
export function encodeCursor(key: readonly string[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url')
}

/** The sort key again. @throws InvalidCursor when it is not one of `length` strings. */
export function decodeCursor(cursor: string, length: number): string[] {
  if (cursor.length > cursorCharsMax) throw new InvalidCursor('the cursor is longer than any that was handed out')
  const key = parsed(Buffer.from(cursor, 'base64url').toString())
  if (!Array.isArray(key) || key.length !== length || !key.every(storable)) {
    throw new InvalidCursor('the cursor was not handed out by this list; start again without one')
  }
  return key
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** Text that PostgreSQL can hold: without U+0000. */
function storable(part: unknown): part is string {
  return typeof part === 'string' && !part.includes('\0')
}
