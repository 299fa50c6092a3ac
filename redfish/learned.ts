/**
 * What working with a BMC taught, as plain JSON: every answer of an operation carries what its client knows by then, and
 * a later client of the same BMC that is given it tries that first (spec/redfish.md "remember what worked"). Nothing in
 * it is secret. It is a hint: a BMC that refuses it, after a firmware update for example, is asked in the usual ways.
 */
import type { ResetType } from './bmc.ts'

export type Learned = {
  /** How an insert was accepted. In `with`, the value `{SCHEME}` stands for the scheme of the image's URL. */
  readonly insert?: {
    readonly method: 'POST' | 'PATCH'
    readonly with: Readonly<Record<string, string | boolean>>
  }
  /** How the boot override was accepted: whether the settings object takes all of it, and whether the mode stays out. */
  readonly boot?: { readonly allInSettings: boolean; readonly withoutMode: boolean }
  /** Resets that are offered and that the BMC does not know when they are sent. */
  readonly resetsRefused?: readonly ResetType[]
  /** Writes without a precondition are refused, also where documents carry no entity tag. */
  readonly wantsPrecondition?: true
}
