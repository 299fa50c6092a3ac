/** What must hold of sessions on BMCs when controllers were killed. */
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from '../../eventstore/database.ts'
import type { Simulator } from '../../redfish/simulator/server.ts'

const everyMs = 100

/**
 * Waits until nothing is left to tidy up after dead controllers: only sessions of living ones are known. Theirs have more
 * than half of their lease before them, because each heartbeat renews them when a third is over.
 */
export async function orphansEnded(
  databaseUrl: string,
  { leaseTtlMs, signal }: { readonly leaseTtlMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const { raw, close } = connect({ url: databaseUrl })
  try {
    for (;;) {
      const [row] = await raw<{ left: number }[]>`
        select count(*)::int as left from bmc_sessions
        where owner is null or expires_at < clock_timestamp() + make_interval(secs => ${leaseTtlMs / 2000})`
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
