import type { Limits } from '../../../redfish/client/options.ts'

/** Waits of the Redfish client that suit simulated BMCs at the speed of these tests. */
export const quickRedfish: Partial<Limits> = {
  confirmPollMs: 20,
  mediaSettleMs: 20,
  mediaLagMs: 100,
  powerPollMs: 20,
  taskPollMs: 20,
  ejectSettleMs: 20,
  offPauseMs: 20,
  offRestMs: 100,
  gracefulTimeoutMs: 5000,
  resetTimeoutMs: 10_000,
  resetLookMs: 2000,
  statePauseMs: 50,
  mediaSwitchSettleMs: 500,
}
