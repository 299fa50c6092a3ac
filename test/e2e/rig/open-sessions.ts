/** What must hold of sessions on BMCs when controllers were killed. */
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from '../../../eventstore/postgres/database.ts'
import type { Simulator } from '../../../redfish/simulator/server.ts'

const everyMs = 100

/**
 * Waits until nothing is left to tidy up after controllers that are dead by now: every session that is still known was
 * renewed since, which only the living do.
 */
export async function orphansEnded(
  databaseUrl: string,
  { leaseTtlMs, signal }: { readonly leaseTtlMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const { raw, close } = connect({ url: databaseUrl })
  try {
    const [began] = await raw<{ renewed: string }[]>`
      select (clock_timestamp() + make_interval(secs => ${leaseTtlMs / 1000}))::text as renewed`
    for (;;) {
      const [row] = await raw<{ left: number }[]>`
        select count(*)::int as left from bmc_sessions
        where owner is null or expires_at <= ${began?.renewed ?? ''}::timestamptz`
      if (row?.left === 0) return
      await delay(everyMs, undefined, { signal })
    }
  } finally {
    await close()
  }
}

/** BMCs that have more sessions open than they may have, as sentences. */
export function tooManySessions(simulator: Simulator, { max }: { readonly max: number }): string[] {
  return simulator.bmcs
    .filter(({ state }) => state.sessions > max)
    .map(({ serial, state }) => `${state.sessions} sessions are open on the BMC of ${serial}, at most ${max} may be`)
}
