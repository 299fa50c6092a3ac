/** The state of a simulated BMC without secrets, for tests and the demo, which need no Redfish to see it. */

import type { HostStatus } from '../host/host.ts'
import type { Bmc } from './bmc.ts'
import type { BootOverride } from './boot.ts'
import type { PowerState } from './power.ts'

export type BmcState = {
  readonly powerState: PowerState
  readonly slots: Readonly<Record<string, { readonly inserted: boolean; readonly image: string | null }>>
  readonly bootOverride: BootOverride
  /** The number of open sessions. */
  readonly sessions: number
  readonly lastResetTime: Date
  /** ComputerSystem.BootProgress.LastState. */
  readonly bootProgress: string
  readonly hostStatus: HostStatus
}

/** A snapshot of the state; it does not change afterwards. */
export function stateOf(bmc: Bmc): BmcState {
  return {
    powerState: bmc.power.state,
    slots: Object.fromEntries(
      bmc.slots.map((slot) => [slot.profile.name, { inserted: slot.inserted, image: slot.request?.image ?? null }]),
    ),
    bootOverride: bmc.boot.override,
    sessions: bmc.sessions.list().length,
    lastResetTime: bmc.power.lastResetTime,
    bootProgress: bmc.host.bootProgress.state,
    hostStatus: bmc.host.status,
  }
}
