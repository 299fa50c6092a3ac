/** The host's power as this client sees it: each look at it, and what the last looks showed. */
import type { Bmc } from '../../bmc.ts'
import { bootDocuments, readOverride } from '../boot/override.ts'
import type { Call } from '../call.ts'
import type { Service } from '../service/service.ts'
import type { LocateFor } from '../system/locate.ts'
import { isOn, requirePower } from './reset-evidence.ts'
import type { Goal, Look, Run } from './reset-step.ts'
import { readResetTypes } from './reset-types.ts'

export type Host = Pick<Bmc, 'forgetRead'> & {
  /** Reads the host's power, or takes a look that the step just before made at most `ageMsMax` ago. */
  look(call: Call, ageMsMax?: number): Promise<Look>
  /** The last look, where it showed the host on and is not older than `seenOnMsMax`. */
  seenOn(): Look | null
  /** A run of resets that starts from this look. */
  start(call: Call, first: Look, onIntent: Run['onIntent']): Promise<Run>
  /** A run that switches the host. Its first look may be old; that the goal is reached already is never taken from one. */
  startToSwitch(call: Call, goal: Goal): Promise<Run>
}

/** Age up to which a look by the step just before is as good as a new one. */
export const FRESH_MS = 2_000

export function createHost(service: Service, locateFor: LocateFor): Host {
  const { limits } = service
  let lastOn: { readonly look: Look; readonly atMs: number } | null = null

  async function look(call: Call, ageMsMax = 0): Promise<Look> {
    const { system: known, profile } = await locateFor(call)
    const system = await service.readOnce(call, known.path, ageMsMax)
    const power = requirePower(service, call, system, profile)
    const now = { system, power, override: readOverride(bootDocuments(system.doc, null)) }
    lastOn = isOn(power) ? { look: now, atMs: service.now() } : null
    return now
  }

  async function start(call: Call, first: Look, onIntent: Run['onIntent']): Promise<Run> {
    const { profile } = await locateFor(call)
    const { types: offered } = await readResetTypes(service, call, first.system, profile, { asLearned: true })
    return { call, first, offered, sent: [], onIntent }
  }

  return {
    look,
    start,
    seenOn: () => (lastOn !== null && service.now() - lastOn.atMs <= limits.seenOnMsMax ? lastOn.look : null),
    async startToSwitch(call, goal) {
      const last = await look(call, limits.handoverMsMax)
      return start(call, goal(last) === null ? last : await look(call, FRESH_MS), noIntent)
    },
    forgetRead() {
      lastOn = null
    },
  }
}

/** Switching to a state is safe to repeat, so that its intent need not be recorded. */
export async function noIntent(): Promise<void> {}
