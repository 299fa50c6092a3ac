/**
 * What working with a BMC taught, as plain JSON: every answer of an operation carries what its client knows by then, and
 * a later client of the same BMC that is given it tries that first (spec/redfish.md "remember what worked"). Nothing in
 * it is secret. It is a hint: a BMC that refuses it, after a firmware update for example, is asked in the usual ways.
 */
import type { ResetType, Vendor } from './vocabulary.ts'

export type Learned = {
  /** How an insert was accepted. In `with`, the value `{SCHEME}` stands for the scheme of the image's URL. */
  readonly insert?: {
    readonly method: 'POST' | 'PATCH'
    readonly with: Readonly<Record<string, string | boolean>>
  }
  /**
   * How the boot override was accepted: whether the settings object takes all of it, whether the mode stays out, and
   * whether the settings object holds nothing of it, so that it need not be read.
   */
  readonly boot?: { readonly allInSettings: boolean; readonly withoutMode: boolean; readonly settingsUnused?: true }
  /** Resets that are offered and that the BMC does not know when they are sent. */
  readonly resetsRefused?: readonly ResetType[]
  /** What the reset action's ActionInfo lists, where the action itself lists nothing. */
  readonly resetsListed?: readonly ResetType[]
  /** Writes without a precondition are refused, also where documents carry no entity tag. */
  readonly wantsPrecondition?: true
  /** The collection that logins are sent to. */
  readonly sessions?: string
  /** Basic was refused while the session table was full: then there is no way in but a session. */
  readonly basicRefused?: true
  readonly places?: Places
  /** Targets of slots' eject actions, by the slots' paths; at most `EJECTS_MAX`. */
  readonly ejects?: Readonly<Record<string, string>>
}

/** Jobs use two slots; a BMC whose paths change with its firmware leaves some behind. */
export const EJECTS_MAX = 4

/**
 * Where the System and its Managers are, and what this BMC's quirks depend on: good for one firmware. What is told of a
 * change, and what is not, is in `http/locate.ts`.
 */
export type Places = {
  readonly system: string
  readonly managers: readonly string[]
  readonly vendor: Vendor
  /** Models of the System and its Manager, the Manager's firmware. */
  readonly model: string | null
  readonly controller: string | null
  readonly firmware: string | null
  /** `BiosVersion` and `@odata.type` of the System, where it has them. */
  readonly bios?: string | undefined
  readonly schema?: string | undefined
}
