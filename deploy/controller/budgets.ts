/** A job's budgets, from the settings (spec/job.md "What happens inside provisioning"). */
import type { Budgets } from '../../machines/job/events.ts'
import { targetOf } from '../../machines/job/targets.ts'
import type { Config } from '../settings/config.ts'

/** The budgets that a job with this task target is given. */
export function budgetsFor(config: Config, taskTarget: string): Budgets {
  const waits = { installation: config.budgetWebhookWaitMs, firmware: config.budgetFirmwareWaitMs }
  return {
    iso_build_ms: config.budgetIsoBuildMs,
    redfish_ms: config.budgetRedfishMs,
    redfish_poll_ms: config.budgetRedfishPollMs,
    webhook_wait_ms: waits[targetOf(taskTarget).budget],
    cleanup_ms: config.budgetCleanupMs,
    job_ms: config.jobStuckTimeoutMs,
  }
}
