/** Differences between makes of BMC as data for the parts of a BMC; a profile puts them together. */
import type { Reply } from './reply.ts'

/** ResetType values of ComputerSystem.Reset that the simulator can carry out. */
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
  /** VirtualMedia.MediaType values: `CD`, `DVD`, `USBStick`, `Floppy`. Empty if the BMC does not list them (AMI). */
  readonly mediaTypes: readonly string[]
  /** False for a drive that the firmware never boots from. */
  readonly boots?: boolean
  /**
   * `actions`: InsertMedia and EjectMedia. `patch`: a PATCH of the slot. `both`: the actions, and a PATCH can empty the
   * slot. `oem`: a way of the vendor's own. `none`: only the KVM viewer uses the slot. `actions` when absent.
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
  /** Accepted modes. Empty: the property does not exist, unless `refusesMode` is set. */
  readonly modes: readonly string[]
  /** The BMC knows the mode and accepts no value of it (Supermicro X11, quirks.md 8). */
  readonly refusesMode?: boolean
  /** The lists of allowable values in the document. */
  readonly lists: readonly ('Enabled' | 'Target' | 'Mode')[]
  /** The settings object beside the System, with the names of its Boot properties. */
  readonly settings?: { readonly id: string; readonly properties: readonly string[] }
  /** The System refuses writes of `Boot`; only the settings object takes them (iDRAC10). */
  readonly readOnly?: boolean
  /** The value of `Enabled` after a PATCH with a target only (Supermicro reverts to Once, quirks.md 8). */
  readonly impliedEnabled?: 'Once'
}

export type EtagProfile = {
  /** Makes the tag from a digest of 64 hexadecimal digits; null if the BMC has no tags. */
  readonly format: ((digest: string) => string) | null
  /** The refusal of a change without If-Match; null if the BMC needs none. */
  readonly missing: (() => Reply) | null
  /** Read-only documents have tags too. */
  readonly everywhere?: boolean
}
