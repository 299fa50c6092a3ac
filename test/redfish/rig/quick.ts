/** Limits that make a client's waits short enough for tests, the shape of its behaviour being the same. */
import type { Limits, RetryPolicy } from '../../../redfish/client/options.ts'

export const QUICK_LIMITS: Partial<Limits> = {
  connectTimeoutMs: 500,
  readTimeoutMs: 400,
  insertReadTimeoutMs: 400,
  confirmTimeoutMs: 1_000,
  confirmPollMs: 5,
  mediaSettleMs: 0,
  mediaLagMs: 0,
  ejectSettleMs: 5,
  // Longer than a busy machine may stop this process for: a host that was reset in time must be seen in time.
  gracefulTimeoutMs: 700,
  resetTimeoutMs: 1_000,
  resetLookMs: 700,
  stateConflictMs: 100,
  statePauseMs: 5,
  offPauseMs: 5,
  offRestMs: 5,
  mediaSwitchSettleMs: 5,
  powerPollMs: 5,
  taskTimeoutMs: 1_000,
  taskPollMs: 5,
}

export const QUICK_RETRIES: Partial<RetryPolicy> = { delayMinMs: 2, delayMaxMs: 10 }
