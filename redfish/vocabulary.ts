/** Words for a BMC that the client, its lessons and its callers share. */

/** Normalised vendor key; `generic` when the service names no vendor that the client knows. */
export type Vendor = 'dell' | 'hpe' | 'lenovo' | 'supermicro' | 'openbmc' | 'ami' | 'cisco' | 'fujitsu' | 'generic'

/** DSP0266 `PowerState`, plus `Unknown` for BMCs that answer null right after their own start. */
export type PowerState = 'On' | 'Off' | 'PoweringOn' | 'PoweringOff' | 'Paused' | 'Unknown'

/** Resource.ResetType values that this project sends. */
export type ResetType =
  | 'On'
  | 'ForceOn'
  | 'GracefulRestart'
  | 'ForceRestart'
  | 'PowerCycle'
  | 'GracefulShutdown'
  | 'ForceOff'
