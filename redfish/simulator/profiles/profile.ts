/**
 * What makes one make of BMC different from another, as data and a few small functions. A profile never touches state:
 * the machinery in the folder above reads it. A new vendor is a new file beside `generic.ts` and a row in `profiles`.
 */

/** ResetType values of ComputerSystem.Reset that the simulator knows how to carry out. */
export type ResetType =
  | 'On'
  | 'ForceOn'
  | 'ForceOff'
  | 'GracefulShutdown'
  | 'GracefulRestart'
  | 'ForceRestart'
  | 'PowerCycle'

export type SlotProfile = { readonly name: string; readonly mediaTypes: readonly string[] }

export type Profile = {
  readonly name: string
  readonly vendor: string
  readonly product: string
  readonly redfishVersion: string
  readonly system: { readonly id: string; readonly manufacturer: string; readonly model: string; readonly bios: string }
  readonly manager: { readonly id: string; readonly model: string; readonly firmware: string }
  readonly chassis: { readonly id: string }
  /** In the order in which the firmware tries them: the first one is the boot medium. */
  readonly slots: readonly SlotProfile[]
  /** Parameters that InsertMedia takes. `Image` is always required. */
  readonly insertParameters: readonly string[]
  readonly resetTypes: readonly ResetType[]
  readonly managerResetTypes: readonly string[]
  readonly bootTargets: readonly string[]
  readonly bootModes: readonly string[]
  /** Targets of a boot override that mean the first slot. */
  readonly cdTargets: readonly string[]
  readonly sessionsMax: number
  /** Whole seconds of silence after which a session ends, also shown as `SessionTimeout`. */
  readonly sessionTimeoutSeconds: number
}
