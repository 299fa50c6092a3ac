import type { Limits } from '../../../redfish/client/options.ts'

/**
 * Waits of the Redfish client that suit simulated BMCs at the speed of these tests. Short is what a job waits for in full;
 * what ends as soon as the BMC shows something has time for a machine that is busy.
 */
export const quickRedfish = {
  confirmPollMs: 20,
  mediaSettleMs: 20,
  mediaLagMs: 100,
  powerPollMs: 20,
  taskPollMs: 20,
  ejectSettleMs: 20,
  offPauseMs: 20,
  offRestMs: 100,
  // In full where the host does not react to a graceful request.
  gracefulTimeoutMs: 10_000,
  // In full where a reset was announced by a controller that died before it sent it.
  resetLookMs: 5000,
  resetTimeoutMs: 120_000,
  statePauseMs: 50,
  // A pause, several times as long as the simulated BMC hides its slots.
  mediaSwitchSettleMs: 1000,
} as const satisfies Partial<Limits>
