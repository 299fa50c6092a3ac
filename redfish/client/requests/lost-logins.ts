/**
 * Picks, of the sessions that a BMC lists, those of logins whose answer got lost. Pure.
 *
 * A session says little about its opener: DSP0266 has a `Context` that the client chooses, but BMCs of this catalogue do
 * not show it, and a BMC that does not know it may refuse the login. The account and the time of the login remain. Other
 * tools may use the same account, so the client takes a session for its own only when it was opened at the moment of the
 * login, and when there are no more such sessions than such logins.
 */
import { type Doc, docAt, isDoc, textAt } from '../documents/resource.ts'

export type ListedSession = {
  readonly path: string
  readonly userName: string | null
  /** By the BMC's clock; null where the BMC does not show it. */
  readonly createdAtMs: number | null
}

/** BMCs take up to some seconds for a login (spec/redfish.md "What a BMC costs"); all clocks show whole seconds. */
const loginSpanMs = 10_000

/** Reads `Session.CreatedTime` (schema 1.4 and later), or the `LoginTime` of iLO 5 and 6. */
export function readListedSession(path: string, doc: Doc): ListedSession {
  const ofVendor = Object.values(docAt(doc, 'Oem')).map((oem) => (isDoc(oem) ? textAt(oem, 'LoginTime') : null))
  const text = textAt(doc, 'CreatedTime') ?? ofVendor.find((time) => time !== null)
  const createdAtMs = Date.parse(text ?? '')
  return { path, userName: textAt(doc, 'UserName'), createdAtMs: Number.isNaN(createdAtMs) ? null : createdAtMs }
}

/**
 * Paths of the sessions that the lost logins opened; null when the listed sessions do not tell. A session whose login is
 * known shows the offset of the BMC's clock.
 */
export function sessionsOfLost(
  lost: readonly { readonly askedAtMs: number }[],
  known: { readonly askedAtMs: number; readonly listed: ListedSession | null; readonly userName: string },
  others: readonly ListedSession[],
): readonly string[] | null {
  const sameAccount = others.filter(({ userName }) => userName === null || userName === known.userName)
  if (sameAccount.length === 0) return []
  const knownAtMs = known.listed?.createdAtMs ?? null
  if (knownAtMs === null || sameAccount.some(({ createdAtMs }) => createdAtMs === null)) return null
  const offsetMs = knownAtMs - known.askedAtMs
  const matching = sameAccount.filter(({ createdAtMs }) =>
    lost.some(({ askedAtMs }) => Math.abs((createdAtMs ?? 0) - askedAtMs - offsetMs) <= loginSpanMs),
  )
  return matching.length > lost.length ? null : matching.map(({ path }) => path)
}
