/**
 * Which of the sessions that a BMC lists came from logins whose answer nobody got. Pure.
 *
 * A session says little of who opened it: DSP0266 has a `Context` that the client chooses, but BMCs of this catalogue do
 * not show it, and one that does not know it may refuse the login. What is left is the account, and when it was opened.
 * Other tools may use the same account, so a session is taken for ours only when it was opened at the moment of our login,
 * and when there are no more such sessions than such logins.
 */
import { type Doc, docAt, isDoc, textAt } from '../documents/resource.ts'

export type ListedSession = {
  readonly path: string
  readonly userName: string | null
  /** By the BMC's clock, null where it does not say. */
  readonly createdAtMs: number | null
}

/** BMCs take up to some seconds for a login (spec/redfish.md "What a BMC costs"); all clocks show whole seconds. */
const loginSpanMs = 10_000

/** `Session.CreatedTime` (schema 1.4 and later), or what iLO 5 and 6 have instead. */
export function readListedSession(path: string, doc: Doc): ListedSession {
  const ofVendor = Object.values(docAt(doc, 'Oem')).map((oem) => (isDoc(oem) ? textAt(oem, 'LoginTime') : null))
  const text = textAt(doc, 'CreatedTime') ?? ofVendor.find((time) => time !== null)
  const createdAtMs = Date.parse(text ?? '')
  return { path, userName: textAt(doc, 'UserName'), createdAtMs: Number.isNaN(createdAtMs) ? null : createdAtMs }
}

/**
 * Paths of the sessions that the lost logins opened; null when that cannot be told. The BMC's clock is read off a session
 * whose login is known.
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
