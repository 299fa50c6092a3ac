/** Switches the host off and on. Safe to repeat: a host that is off stays off, one that is on stays on. */
import type { Bmcs } from '../bmcs/clients.ts'
import type { Service } from '../service.ts'
import { resetData } from './facts.ts'

export function powerOffHost({ bmcs }: { readonly bmcs: Bmcs }): Service<'powerOffHost'> {
  return {
    writesBmc: true,
    perform: async ({ serial }, { signal }) => resetData(await bmcs.use(serial, (bmc) => bmc.powerOff({ signal }))),
  }
}

export function powerOnHost({ bmcs }: { readonly bmcs: Bmcs }): Service<'powerOnHost'> {
  return {
    writesBmc: true,
    perform: async ({ serial }, { signal }) => resetData(await bmcs.use(serial, (bmc) => bmc.powerOn({ signal }))),
  }
}

/**
 * An operator's power action. An interrupted restart is not sent again, because a second one could hit a booting host;
 * the operator can check and repeat the action.
 */
export function switchPower({ bmcs }: { readonly bmcs: Bmcs }): Service<'switchPower'> {
  return {
    writesBmc: true,
    perform: async ({ serial, action }, { signal, attempt }) => {
      const result = await bmcs.use(serial, async (bmc) => {
        if (action === 'on') return bmc.powerOn({ signal })
        if (action === 'off') return bmc.powerOff({ signal })
        if (attempt === 1) return bmc.restart({ signal, onIntent: async () => {} })
        return {
          attempts: 1,
          elapsedMs: 0,
          sent: [],
          evidence: 'accepted' as const,
          after: await bmc.power({ signal }),
        }
      })
      return resetData(result)
    },
  }
}
