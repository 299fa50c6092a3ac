/** Reads what a BMC has, for operators and for the server's history. Safe to repeat: it only reads. */
import type { Bmcs } from '../bmcs.ts'
import type { Service } from '../service.ts'
import { type Timing, timed } from '../timing.ts'
import { descriptionData } from './facts.ts'

export type ProbeServerOptions = {
  readonly bmcs: Bmcs
  readonly timing: Timing
  /** The fingerprint of the BMC's certificate, where the first one seen is to be pinned; null otherwise. */
  readonly firstFingerprint: (serial: string, signal: AbortSignal) => Promise<string | null>
}

export function probeServer({ bmcs, timing, firstFingerprint }: ProbeServerOptions): Service<'probeServer'> {
  return {
    writesBmc: false,
    perform: async ({ serial }, { signal }) => {
      const fingerprint = await firstFingerprint(serial, signal)
      const { result, elapsed_ms } = await timed(timing, () => bmcs.use(serial, (bmc) => bmc.discover({ signal })))
      return { description: descriptionData(result), fingerprint, elapsed_ms }
    },
  }
}
