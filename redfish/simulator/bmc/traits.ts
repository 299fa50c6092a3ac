/** How makes of BMC differ in what each part of one needs to know: data alone, which a profile puts together. */
import type { Reply } from './reply.ts'

/** ResetType values of ComputerSystem.Reset that the simulator knows how to carry out. */
export type ResetType =
  | 'On'
  | 'ForceOn'
  | 'ForceOff'
  | 'GracefulShutdown'
  | 'GracefulRestart'
  | 'ForceRestart'
  | 'PowerCycle'
  | 'PushPowerButton'
  | 'Nmi'

export type ResetTypesIn = 'action' | 'action-info' | 'both'

export type SlotProfile = {
  readonly name: string
  /** VirtualMedia.MediaType values: `CD`, `DVD`, `USBStick`, `Floppy`. Empty where the BMC does not say (AMI). */
  readonly mediaTypes: readonly string[]
  /** False for a drive that the firmware never boots from. */
  readonly boots?: boolean
  /**
   * `actions` has InsertMedia and EjectMedia, `patch` is written itself, `both` has the actions and can be emptied by a
   * PATCH, `oem` is operated by something of the vendor's, `none` is for the KVM viewer. `actions` when absent.
   */
  readonly operated?: 'actions' | 'patch' | 'both' | 'oem' | 'none'
}

/** A VirtualMedia collection and the names of its members, in the order in which the BMC lists them. */
export type MediaCollection = {
  readonly under: 'system' | 'manager'
  readonly segment: string
  readonly slots: readonly string[]
  readonly linkedFrom: readonly ('system' | 'manager')[]
}

export type BootProfile = {
  readonly enabledValues: readonly string[]
  readonly targets: readonly string[]
  /** Modes that are accepted. Empty: the property does not exist, unless `refusesMode` says how it is refused. */
  readonly modes: readonly string[]
  /** The mode is in the schema and no value of it is accepted (Supermicro X11, quirks.md 8). */
  readonly refusesMode?: boolean
  /** Which lists of allowable values the document has. */
  readonly lists: readonly ('Enabled' | 'Target' | 'Mode')[]
  /** Id of the settings object beside the System, with the names of the Boot properties that it has. */
  readonly settings?: { readonly id: string; readonly properties: readonly string[] }
  /** The System itself refuses to have `Boot` written: only the settings object takes it (iDRAC10). */
  readonly readOnly?: boolean
  /** What `Enabled` becomes when a PATCH names a target and leaves it out (Supermicro reverts to Once, quirks.md 8). */
  readonly impliedEnabled?: 'Once'
}

export type EtagProfile = {
  /** The tag of what can be changed, from 64 hexadecimal digits that stand for it; null where there are no tags. */
  readonly format: ((digest: string) => string) | null
  /** The refusal of a change without If-Match; null where none is needed. */
  readonly missing: (() => Reply) | null
  /** Whether documents that nobody can change have tags too. */
  readonly everywhere?: boolean
}
