/** What a chaos run does to a site, and what its hosts are told: all of it drawn from the seed before anything starts. */
import type { BmcConfig } from '../../redfish/simulator/server.ts'
import { type Random, seededRandom } from './random.ts'

/** `afterMs` counts from the trouble before it in the same round. */
export type Trouble = { readonly afterMs: number } & (
  | { readonly kind: 'kill'; readonly controller: number }
  | { readonly kind: 'pause'; readonly controller: number; readonly forMs: number }
  | { readonly kind: 'postgres'; readonly downMs: number }
  | { readonly kind: 'nats'; readonly downMs: number }
  /** An append that does not commit for a while, so that others with later positions do so before it. */
  | { readonly kind: 'hold'; readonly forMs: number }
  | { readonly kind: 'subscriber' }
)

export type Scripted = { readonly bmc: BmcConfig; readonly outcome: 'succeeded' | 'failed' }

export type Schedule = {
  readonly hosts: readonly Scripted[]
  /** Endless. Every round has each kind of trouble in it, in an order and on controllers of its own. */
  readonly rounds: () => Generator<readonly Trouble[], never>
  /** For the BMCs' faults. What it gives to whom depends on which request comes first. */
  readonly faults: () => number
}

export type ScheduleOptions = {
  readonly seed: number
  readonly jobs: number
  readonly controllers: number
  readonly pauseMs: number
  readonly outageMs: number
  /** Between the starts of two troubles. */
  readonly gapMs: { readonly min: number; readonly max: number }
  readonly killsPerRound: number
}

/** Three sources of chance, so that none draws from what another one depends on. */
const [ofHosts, ofTroubles, ofFaults] = [0x486f7374, 0x54726f75, 0x4661756c] as const
const failedShare = 0.1
const silentShare = 0.05

export function createSchedule(options: ScheduleOptions): Schedule {
  const { seed } = options
  return {
    hosts: scriptHosts(seededRandom(seed ^ ofHosts), options.jobs),
    rounds: () => drawRounds(seededRandom(seed ^ ofTroubles), options),
    faults: seededRandom(seed ^ ofFaults).next,
  }
}

/** One in ten hosts fails in a unit, one in twenty never reports; at least one of each. */
function scriptHosts(random: Random, jobs: number): readonly Scripted[] {
  const failed = Math.ceil(jobs * failedShare)
  const silent = Math.ceil(jobs * silentShare)
  const order = random.shuffled(Array.from({ length: jobs }, (_, index) => index))
  return order.map((place, index) => {
    const fails = place < failed ? { failAt: 'image-linux.service' } : {}
    const hides = place >= failed && place < failed + silent ? { silent: true } : {}
    const serial = `C${String(index + 1).padStart(4, '0')}`
    return {
      bmc: {
        serial,
        username: 'admin',
        password: `password-${serial}`,
        host: { stepDurationMs: 4000, ...fails, ...hides },
      },
      outcome: place < failed + silent ? 'failed' : 'succeeded',
    }
  })
}

function* drawRounds(
  random: Random,
  { controllers, pauseMs, outageMs, gapMs, killsPerRound }: ScheduleOptions,
): Generator<readonly Trouble[], never> {
  const kinds: readonly Trouble['kind'][] = [
    ...Array.from({ length: killsPerRound }, () => 'kill' as const),
    'pause',
    'postgres',
    'nats',
    'hold',
    'subscriber',
  ]
  for (;;) {
    yield random.shuffled(kinds).map((kind): Trouble => {
      const afterMs = random.between(gapMs.min, gapMs.max)
      const controller = random.between(0, controllers - 1)
      const shortMs = random.between(500, 2000)
      if (kind === 'kill') return { kind, afterMs, controller }
      if (kind === 'pause') return { kind, afterMs, controller, forMs: pauseMs }
      if (kind === 'postgres') return { kind, afterMs, downMs: shortMs }
      if (kind === 'nats') return { kind, afterMs, downMs: outageMs }
      if (kind === 'hold') return { kind, afterMs, forMs: shortMs }
      return { kind, afterMs }
    })
  }
}
