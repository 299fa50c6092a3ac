/** Ejects both media. Safe to repeat: ejecting an empty slot succeeds. */
import type { Bmc } from '../../redfish/bmc.ts'
import type { Bmcs } from '../bmcs/clients.ts'
import type { Service } from '../service.ts'

/** Ejects every slot, also after a failure; then throws the first error. */
async function ejectAll(bmc: Bmc, slots: readonly string[], signal: AbortSignal) {
  const results = []
  const errors: unknown[] = []
  // Both media may share one slot.
  for (const slot of new Set(slots)) {
    try {
      results.push(await bmc.ejectMedia({ slot }, { signal }))
    } catch (error) {
      signal.throwIfAborted()
      errors.push(error)
    }
  }
  if (errors.length > 0) throw errors[0]
  return results
}

export function unmountMedia({ bmcs }: { readonly bmcs: Bmcs }): Service<'unmountMedia'> {
  return {
    writesBmc: true,
    perform: async ({ serial, maintenance, task }, { signal }) => {
      const results = await bmcs.use(serial, (bmc) => ejectAll(bmc, [task, maintenance], signal))
      return {
        attempts: results.reduce((sum, { attempts }) => sum + attempts, 0),
        elapsed_ms: results.reduce((sum, { elapsedMs }) => sum + elapsedMs, 0),
        slots: results.map(({ slot, alreadyEmpty }) => ({ slot, already_empty: alreadyEmpty })),
      }
    },
  }
}

/** Completes a job's failed cleanup: ejects the media, clears the boot override, switches the host on if asked. */
export function cleanUpServer({ bmcs }: { readonly bmcs: Bmcs }): Service<'cleanUpServer'> {
  return {
    writesBmc: true,
    perform: async ({ serial, maintenance, task, powerOn }, { signal }) => {
      return bmcs.use(serial, async (bmc) => {
        await ejectAll(bmc, [task, maintenance], signal)
        const { warnings } = await bmc.clearBootOverride({ signal })
        if (powerOn) await bmc.powerOn({ signal })
        return { warnings: [...warnings] }
      })
    },
  }
}
