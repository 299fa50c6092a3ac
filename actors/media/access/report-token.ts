/** The token with which a host may report on its own job, and on no other. */
import { createHmac, timingSafeEqual } from 'node:crypto'

/** The job's own report token, in its task ISO and nowhere else: it is derived, so a rebuilt ISO holds the same one. */
export function reportToken(key: Uint8Array, jobId: string): string {
  return createHmac('sha256', key).update(jobId).digest('base64url')
}

/** Compares in constant time. */
export function isReportToken(key: Uint8Array, jobId: string, token: string): boolean {
  const expected = Buffer.from(reportToken(key, jobId))
  const given = Buffer.from(token)
  return given.length === expected.length && timingSafeEqual(given, expected)
}
