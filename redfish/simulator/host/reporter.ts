/**
 * Reports of the maintenance OS (spec/api.md, "Report webhook"). It repeats the outcome until the controller accepts it,
 * and sends progress once.
 */

import type { JsonObject } from '../bmc/reply.ts'
import type { Clock } from '../world/timing.ts'
import { type Outbound, OutboundError } from './outbound.ts'
import type { ReportAddress } from './task-medium.ts'

/** An hour of tries every ten seconds, the bound of the maintenance OS's units. */
const attemptsMax = 360
const deadlineMs = 10_000
const bodyBytesMax = 65_536

export class Reporter {
  readonly #outbound: Outbound
  readonly #clock: Clock
  readonly #address: ReportAddress
  readonly #webhookSecret: string | null
  readonly #retryMs: number

  constructor(options: {
    readonly outbound: Outbound
    readonly clock: Clock
    readonly address: ReportAddress
    readonly webhookSecret: string | null
    readonly retryMs: number
  }) {
    this.#outbound = options.outbound
    this.#clock = options.clock
    this.#address = options.address
    this.#webhookSecret = options.webhookSecret
    this.#retryMs = options.retryMs
  }

  /** Posts until the answer is 2xx; false when it gave up. Repeats are safe, because the body has a delivery id. */
  async deliver(report: JsonObject, signal: AbortSignal): Promise<boolean> {
    for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
      if (await this.#post(report, signal)) return true
      await this.#clock.sleep(this.#retryMs, signal)
    }
    return false
  }

  /** Posts once and ignores the outcome. */
  async mention(progress: JsonObject, signal: AbortSignal): Promise<void> {
    await this.#post(progress, signal)
  }

  async #post(body: JsonObject, signal: AbortSignal): Promise<boolean> {
    const right: Record<string, string> =
      this.#webhookSecret === null
        ? { authorization: `Bearer ${this.#address.token}` }
        : { 'x-webhook-secret': this.#webhookSecret }
    try {
      const { status } = await this.#outbound.send({
        method: 'POST',
        url: this.#address.webhookUrl,
        headers: { 'content-type': 'application/json', ...right },
        body: JSON.stringify(body),
        signal,
        deadlineMs,
        bodyBytesMax,
      })
      return status >= 200 && status < 300
    } catch (error) {
      if (error instanceof OutboundError) return false
      throw error
    }
  }
}
