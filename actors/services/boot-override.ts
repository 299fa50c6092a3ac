/** Sets "boot once from CD" and clears it. Safe to repeat: read, write if different, read back. */
import type { Bmcs } from '../bmcs/clients.ts'
import type { Service } from '../service.ts'
import { overrideData } from './facts.ts'

export function setBootOverride({ bmcs }: { readonly bmcs: Bmcs }): Service<'setBootOverride'> {
  return {
    writesBmc: true,
    perform: async ({ serial }, { signal }) =>
      overrideData(await bmcs.use(serial, (bmc) => bmc.setBootOnceFromCd({ signal }))),
  }
}

export function clearBootOverride({ bmcs }: { readonly bmcs: Bmcs }): Service<'clearBootOverride'> {
  return {
    writesBmc: true,
    perform: async ({ serial }, { signal }) =>
      overrideData(await bmcs.use(serial, (bmc) => bmc.clearBootOverride({ signal }))),
  }
}
