/** The token that authenticates a host's reports on its own job only. */
import { createHmac, timingSafeEqual } from 'node:crypto'

/** The job's report token. Only its task medium holds it; it is derived, so a rebuilt medium holds the same one. */
export function reportToken(key: Uint8Array, jobId: string): string {
  return createHmac('sha256', key).update(jobId).digest('base64url')
}

/** Compares in constant time. */
export function isReportToken(key: Uint8Array, jobId: string, token: string): boolean {
  const expected = Buffer.from(reportToken(key, jobId))
  const given = Buffer.from(token)
  return given.length === expected.length && timingSafeEqual(given, expected)
}
