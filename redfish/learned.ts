/**
 * The lessons that a client learned of its BMC, as plain JSON: the result of every operation carries all lessons so far,
 * and a later client of the same BMC that gets them tries them first (spec/redfish.md "remember what worked"). They hold
 * no secret. They are hints: where the BMC refuses one, after a firmware update for example, the client goes the usual
 * ways.
 */
import type { ResetType, Vendor } from './vocabulary.ts'

export type Learned = {
  /** The insert that the BMC accepted. In `with`, the value `{SCHEME}` stands for the scheme of the image's URL. */
  readonly insert?: {
    readonly method: 'POST' | 'PATCH'
    readonly with: Readonly<Record<string, string | boolean>>
  }
  /**
   * The boot override that the BMC accepted: `allInSettings`: the settings object takes all of it; `withoutMode`: the
   * mode stays out; `settingsUnused`: the settings object holds nothing of it, so that the client need not read it.
   */
  readonly boot?: { readonly allInSettings: boolean; readonly withoutMode: boolean; readonly settingsUnused?: true }
  /** Resets that the BMC offers and then refuses as unknown. */
  readonly resetsRefused?: readonly ResetType[]
  /** Reset types in the reset action's ActionInfo, where the action itself lists none. */
  readonly resetsListed?: readonly ResetType[]
  /** The BMC refuses writes without a precondition, even where documents carry no entity tag. */
  readonly wantsPrecondition?: true
  /** The collection that logins go to. */
  readonly sessions?: string
  /** The BMC refused Basic while the session table was full: it takes sessions only. */
  readonly basicRefused?: true
  readonly places?: Places
  /** Targets of slots' eject actions, by the slots' paths; at most `EJECTS_MAX`. */
  readonly ejects?: Readonly<Record<string, string>>
}

/** Jobs use two slots; paths of an older firmware stay until newer ones displace them. */
export const EJECTS_MAX = 4

/**
 * Paths of the System and its Managers, and the traits that this BMC's quirks depend on: valid for one firmware.
 * `client/system/locate.ts` says which firmware changes a client notices.
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
