/** A job's budgets out of the settings (spec/job.md "What happens inside provisioning"). */
import type { Budgets } from '../../machines/job/events.ts'
import type { Config } from '../settings/config.ts'

/** The budgets that a job with this task target is given; firmware reports sooner than an installation. */
export function budgetsFor(config: Config, taskTarget: string): Budgets {
  return {
    iso_build_ms: config.budgetIsoBuildMs,
    redfish_ms: config.budgetRedfishMs,
    redfish_poll_ms: config.budgetRedfishPollMs,
    webhook_wait_ms:
      taskTarget === 'supermicro-update.target' ? config.budgetFirmwareWaitMs : config.budgetWebhookWaitMs,
    cleanup_ms: config.budgetCleanupMs,
    job_ms: config.jobStuckTimeoutMs,
  }
}
