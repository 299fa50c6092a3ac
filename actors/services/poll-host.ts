/** Waits until the BMC answers and the host is on; the job's deadline ends the wait. Safe to repeat: it only reads. */
import { BmcError } from '../../redfish/failure.ts'
import type { Bmcs } from '../bmcs/clients.ts'
import type { Service } from '../service.ts'
import type { Timing } from '../timing.ts'
import { powerData } from './facts.ts'

const everyMinMs = 1000
const everyMaxMs = 15_000

export function pollHost({ bmcs, timing }: { readonly bmcs: Bmcs; readonly timing: Timing }): Service<'pollHost'> {
  return {
    writesBmc: false,
    perform: async ({ serial }, { signal }) => {
      const startedAt = timing.now()
      for (let attempts = 1; ; attempts += 1) {
        const power = await bmcs.use(serial, async (bmc) => {
          try {
            await bmc.ping({ signal })
            return await bmc.power({ signal })
          } catch (error) {
            // Right after a reset the BMC may be unreachable or busy; this step waits for its end.
            if (error instanceof BmcError && error.failure.retry) return null
            throw error
          }
        })
        if (power?.powerState === 'On') {
          return { attempts, elapsed_ms: Math.round(timing.now() - startedAt), power: powerData(power) }
        }
        await timing.delay(Math.min(everyMinMs * 1.5 ** (attempts - 1), everyMaxMs), signal)
      }
    },
  }
}
