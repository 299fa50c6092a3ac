/**
 * What differs between BMCs, as data: a condition, the change it makes, and the hardware or document that taught it.
 * Operations read the resulting profile and never ask for a vendor. To add a quirk, add a row. The tables:
 * `models.ts` by model, `messages.ts` by error, `slot-ways.ts` for media that no standard action moves,
 * `switches.ts` for licences and switches, `notices.ts` for what an operator should know of a model.
 */
import { messageKeysOf } from './messages.ts'
import { QUIRKS } from './models.ts'
import { DEFAULT_PROFILE, type FirmwareRange, type Profile, type Quirk, type Traits } from './profile.ts'

/** The defaults with every matching row applied in order, later ones over earlier ones; notices add up. */
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

/** Whether the first dotted number in a firmware version is in the range; a version without one is in none. */
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

/** A write without `If-Match` is refused, whatever the status (quirks.md 10 and 15; registries/idrac9-eemi). */
export const PRECONDITION_MISSING_MESSAGES: ReadonlySet<string> = new Set(['PreconditionHeaderMissing', 'SYS404'])

/** The entity tag is not the current one, or the BMC could not compare it (XCC, iDRAC; quirks.md 15). */
export const PRECONDITION_FAILED_MESSAGES: ReadonlySet<string> = new Set(['PreconditionFailed', 'SYS400'])

/** The session table is full: Basic for now, and no login loop (quirks.md 11). */
export const SESSION_TABLE_FULL_MESSAGES: ReadonlySet<string> = messageKeysOf('session-table-full')
