/**
 * Limits that make a client's waits short enough for tests, the shape of its behaviour being the same. A time-out is longer
 * than a busy machine may stop this process for; a test that waits for one to run out sets its own where it can.
 */
import type { Limits, RetryPolicy } from '../../../redfish/client/options.ts'

export const QUICK_LIMITS: Partial<Limits> = {
  connectTimeoutMs: 5_000,
  readTimeoutMs: 5_000,
  insertReadTimeoutMs: 5_000,
  confirmTimeoutMs: 5_000,
  confirmPollMs: 5,
  mediaSettleMs: 0,
  mediaLagMs: 0,
  ejectSettleMs: 5,
  gracefulTimeoutMs: 5_000,
  resetTimeoutMs: 5_000,
  resetLookMs: 5_000,
  stateConflictMs: 100,
  statePauseMs: 5,
  offPauseMs: 5,
  offRestMs: 5,
  mediaSwitchSettleMs: 5,
  powerPollMs: 5,
  taskTimeoutMs: 5_000,
  taskPollMs: 5,
}

export const QUICK_RETRIES: Partial<RetryPolicy> = { delayMinMs: 2, delayMaxMs: 10 }
