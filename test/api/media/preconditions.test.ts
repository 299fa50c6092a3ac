import { describe, expect, test } from 'vitest'
import { precondition, rangeCounts } from '../../../api/media/preconditions.ts'

const etag = '"abc"'
/** Half a second that HTTP cannot say. */
const modifiedAt = new Date('2026-01-02T03:04:05.500Z')
const same = 'Fri, 02 Jan 2026 03:04:05 GMT'
const earlier = 'Fri, 02 Jan 2026 03:04:04 GMT'
const later = 'Fri, 02 Jan 2026 03:04:06 GMT'

const check = (headers: Record<string, string>) => precondition({ headers: new Headers(headers), etag, modifiedAt })

describe('a conditional request', () => {
  test.each([
    [{}, 'met'],
    [{ 'if-match': '"abc"' }, 'met'],
    [{ 'if-match': '*' }, 'met'],
    [{ 'if-match': '"x", "abc"' }, 'met'],
    [{ 'if-match': '"x"' }, 'failed'],
    [{ 'if-match': 'W/"abc"' }, 'failed'],
    [{ 'if-match': '' }, 'failed'],
    [{ 'if-unmodified-since': same }, 'met'],
    [{ 'if-unmodified-since': later }, 'met'],
    [{ 'if-unmodified-since': earlier }, 'failed'],
    [{ 'if-unmodified-since': 'once upon a time' }, 'met'],
    [{ 'if-none-match': '"x"' }, 'met'],
    [{ 'if-none-match': '"abc"' }, 'not modified'],
    [{ 'if-none-match': 'W/"abc"' }, 'not modified'],
    [{ 'if-none-match': '"x", W/"abc"' }, 'not modified'],
    [{ 'if-none-match': '*' }, 'not modified'],
    [{ 'if-modified-since': same }, 'not modified'],
    [{ 'if-modified-since': later }, 'not modified'],
    [{ 'if-modified-since': earlier }, 'met'],
    [{ 'if-modified-since': 'yesterday' }, 'met'],
  ] satisfies [Record<string, string>, string][])('with %o is %s', (headers, result) => {
    expect(check(headers)).toBe(result)
  })

  test('is decided by tags before dates', () => {
    expect(check({ 'if-match': '"abc"', 'if-unmodified-since': earlier })).toBe('met')
    expect(check({ 'if-none-match': '"x"', 'if-modified-since': later })).toBe('met')
    expect(check({ 'if-match': '"x"', 'if-none-match': '"abc"' })).toBe('failed')
    expect(check({ 'if-match': '"abc"', 'if-none-match': '"abc"' })).toBe('not modified')
  })

  test('may say its date in the two obsolete forms', () => {
    expect(check({ 'if-modified-since': 'Friday, 02-Jan-26 03:04:05 GMT' })).toBe('not modified')
    expect(check({ 'if-modified-since': 'Fri Jan  2 03:04:05 2026' })).toBe('not modified')
    expect(check({ 'if-modified-since': 'Fri Jan  2 03:04:04 2026' })).toBe('met')
  })
})

describe('a range counts', () => {
  const now = new Date('2026-01-02T04:00:00Z')
  const counts = (ifRange: string, at = now) =>
    rangeCounts({ headers: new Headers({ 'if-range': ifRange }), etag, modifiedAt, now: at })

  test('without If-Range, and with the tag or the very date of the medium', () => {
    expect(rangeCounts({ headers: new Headers(), etag, modifiedAt, now })).toBe(true)
    expect(counts('"abc"')).toBe(true)
    expect(counts(same)).toBe(true)
  })

  test('not for another tag, a weak one, or another date', () => {
    for (const other of ['"x"', 'W/"abc"', earlier, later, 'abc', '']) expect(counts(other)).toBe(false)
  })

  test('not by a date when the medium was written this very second', () => {
    expect(counts(same, new Date('2026-01-02T03:04:05.900Z'))).toBe(false)
    expect(counts('"abc"', new Date('2026-01-02T03:04:05.900Z'))).toBe(true)
  })
})
