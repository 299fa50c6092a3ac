/** What a controller is started with; every part of it takes from here what it needs. */
import type { Logger } from 'pino'
import type { Timing } from '../../actors/timing.ts'
import type { OnSeam } from '../../eventstore/log/seams.ts'
import type { Limits } from '../../redfish/client/options.ts'
import type { Config } from '../settings/config.ts'

export type ControllerOptions = {
  readonly config: Config
  readonly log: Logger
  /** Unique to this process; it owns leases. */
  readonly controllerId: string
  /** Ends a start that takes too long. */
  readonly signal: AbortSignal
  /** Waits of the Redfish client that differ from its own: simulated BMCs are quicker than real ones. */
  readonly redfishLimits?: Partial<Limits>
  /** Hears of what takes long at the first start, for a person who waits. */
  readonly onProgress?: (message: string) => void
  /** Hears of every seam of this controller's work. */
  readonly onSeam?: OnSeam
  /** Time as services see it; the machine's own by default. */
  readonly timing?: Timing
}
