/**
 * How the maintenance OS reports (spec/api.md, "Report webhook"): the outcome again and again until it is accepted,
 * progress once and without caring.
 */

import type { JsonObject } from '../bmc/reply.ts'
import type { Clock } from '../world/timing.ts'
import { type Outbound, OutboundError } from './outbound.ts'
import type { ReportAddress } from './task-medium.ts'

/** An hour of tries every ten seconds, which is what the units of the maintenance OS are bounded to. */
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

  /** Posts until the answer is 2xx; false when it gave up. Safe to repeat: the body names its delivery. */
  async deliver(report: JsonObject, signal: AbortSignal): Promise<boolean> {
    for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
      if (await this.#post(report, signal)) return true
      await this.#clock.sleep(this.#retryMs, signal)
    }
    return false
  }

  /** Posts once; whether it arrived makes no difference. */
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
