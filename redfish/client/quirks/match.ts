/**
 * The differences between BMCs as data: a condition, the change it makes, and the hardware or document that taught it.
 * Operations read the resulting profile and never ask for a vendor. To add a quirk, add a row. The tables: `models.ts`
 * by model, `messages.ts` by error, `slot-ways.ts` and `boot-ways.ts` for vendors' own ways, `switches.ts` for licences
 * and switches, `notices.ts` for advice to operators. `profile.ts` has the form of a row.
 */
import { messageKeysOf } from './messages.ts'
import { QUIRKS } from './models.ts'
import { DEFAULT_PROFILE, type FirmwareRange, type Profile, type Quirk, type Traits } from './profile.ts'

/** The defaults with every matching row applied in order, a later one over an earlier one; notices add up. */
export function profileFor(traits: Traits, quirks: readonly Quirk[] = QUIRKS): Profile {
  const changes = quirks.filter((quirk) => matches(quirk, traits)).map(({ change }) => change)
  const notices = changes.flatMap((change) => change.notices ?? [])
  return { ...Object.assign({}, DEFAULT_PROFILE, ...changes), notices }
}

function matches({ when }: Quirk, traits: Traits): boolean {
  if (when.vendor !== traits.vendor) return false
  if (when.model !== undefined && !when.model.test(traits.model ?? '')) return false
  if (when.controller !== undefined && !when.controller.test(traits.controller ?? '')) return false
  return when.firmware === undefined || isInRange(traits.firmware, when.firmware)
}

/** True when the first dotted number of a firmware version is in the range; a version without one is in no range. */
export function isInRange(firmware: string | null, { from, below }: FirmwareRange): boolean {
  const version = /\d+(\.\d+)+/.exec(firmware ?? '')?.[0]
  if (version === undefined) return false
  return (from === undefined || compare(version, from) >= 0) && (below === undefined || compare(version, below) < 0)
}

function compare(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number))
  const length = Math.max(left?.length ?? 0, right?.length ?? 0)
  for (let index = 0; index < length; index++) {
    const difference = (left?.[index] ?? 0) - (right?.[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** Refusals of a write without `If-Match`, whatever the status (quirks.md 10 and 15; registries/idrac9-eemi). */
export const PRECONDITION_MISSING_MESSAGES: ReadonlySet<string> = new Set(['PreconditionHeaderMissing', 'SYS404'])

/** Refusals of an entity tag that is not current, or that the BMC could not compare (XCC, iDRAC; quirks.md 15). */
export const PRECONDITION_FAILED_MESSAGES: ReadonlySet<string> = new Set(['PreconditionFailed', 'SYS400'])

/**
 * Refusals of a login because the session table is full: the client uses Basic for a while, and no login loop (quirks.md
 * 11).
 */
export const SESSION_TABLE_FULL_MESSAGES: ReadonlySet<string> = messageKeysOf('session-table-full')
