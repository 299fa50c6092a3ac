/** The options of a controller, which its parts share. */
import type { Logger } from 'pino'
import type { Timing } from '../../actors/timing.ts'
import type { OnSeam } from '../../eventstore/log/seams.ts'
import type { Limits } from '../../redfish/client/options.ts'
import type { Config } from '../settings/config.ts'

export type ControllerOptions = {
  readonly config: Config
  readonly log: Logger
  /** Unique to this process: the owner of its leases. */
  readonly controllerId: string
  /** Aborts the start; has no effect after it. */
  readonly signal: AbortSignal
  /** Override the Redfish client's own waits: simulated BMCs are quicker than real ones. */
  readonly redfishLimits?: Partial<Limits>
  /** Called with a line for the operator before each step of a first start that takes long. */
  readonly onProgress?: (message: string) => void
  /** Called at every crash seam of this controller. */
  readonly onSeam?: OnSeam
  /** The clock of the services; the machine's by default. */
  readonly timing?: Timing
}
