/** The promises of every `SessionLedger`, as tests. */
import { expect, test } from 'vitest'
import type { SessionLedger } from '../../redfish/session-ledger.ts'

const session = { path: '/redfish/v1/SessionService/Sessions/1', token: 'marked-token' }

/** @param ledger the ledger of a BMC without any login so far. */
export function describeLedger(ledger: () => Promise<SessionLedger>): void {
  test('a login that is under way, and a session that is in use, are nobody else’s to end', async () => {
    const its = await ledger()
    const { id } = await its.intend()
    expect(await its.orphans()).toEqual([])
    await its.opened(id, session)
    expect(await its.orphans()).toEqual([])
    expect(await its.knownPaths()).toEqual(new Set([session.path]))
  })

  test('a lost login is given out with what is known of it, and not any more once it is closed', async () => {
    const its = await ledger()
    const [one, two] = [await its.intend(), await its.intend()]
    await its.opened(one.id, session)
    await its.lost(one.id)
    await its.lost(two.id)
    const byId = (orphans: readonly { readonly id: string }[]) => orphans.map(({ id }) => id).toSorted()
    const orphans = await its.orphans()
    expect(byId(orphans)).toEqual(byId([one, two]))
    expect(orphans.find(({ id }) => id === one.id)).toEqual({ id: one.id, askedAtMs: one.askedAtMs, session })
    expect(orphans.find(({ id }) => id === two.id)).toEqual({ id: two.id, askedAtMs: two.askedAtMs, session: null })
    await its.closed(one.id)
    await its.abandoned(two.id)
    expect(await its.orphans()).toEqual([])
    expect(await its.knownPaths()).toEqual(new Set())
  })

  test('refusals are counted until a login works', async () => {
    const its = await ledger()
    for (const before of [0, 1]) {
      const { id, refusals } = await its.intend()
      expect(refusals).toBe(before)
      await its.refused(id)
    }
    const works = await its.intend()
    expect(works.refusals).toBe(2)
    await its.opened(works.id, session)
    expect((await its.intend()).refusals).toBe(0)
  })
}
