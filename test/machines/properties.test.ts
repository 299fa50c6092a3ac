/** What holds for every sequence of events that a machine takes. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { DomainEvent } from '../../machines/event.ts'
import { type ActorState, type Evolved, pathOf } from '../../machines/evolve.ts'
import type { KindName, SnapshotOf } from '../../machines/kinds.ts'
import { evolveOf } from './given.ts'
import * as ofJob from './job/samples.ts'
import * as ofServer from './server/samples.ts'

const events: { readonly [Name in KindName]: readonly DomainEvent[] } = {
  job: [
    ...ofJob.jobEventTypes.map((type) => ofJob.happened(type)),
    ofJob.happened('report.received', { status: 'failed', failed_step: 'firmware.service', delivery_id: null }),
    ofJob.happened('media.read.observed', { medium: 'maintenance' }),
  ],
  server: [
    ...ofServer.serverEventTypes.map((type) => ofServer.happened(type)),
    ofServer.happened('server.reserved', { job_id: ofServer.secondJob }),
    ofServer.happened('server.released', { cleanup: 'dirty' }),
    ofServer.happened('server.released', { job_id: ofServer.secondJob, cleanup: 'dirty' }),
  ],
}

/** Choices for a walk: at each step one of the events that the machine takes then. */
const choices = fc.array(fc.nat({ max: 997 }), { maxLength: 40 })

type Step<Name extends KindName> = {
  readonly before: SnapshotOf[Name]
  readonly event: DomainEvent
  readonly evolved: ReturnType<ReturnType<typeof evolveOf<Name>>['next']>
}

function walk<Name extends KindName>(kind: Name, picks: readonly number[]) {
  const { start, next, accepts } = evolveOf(kind)
  const [first, ...others] = events[kind]
  if (first === undefined) throw new Error('there is no first event')
  const started = start(first)
  let snapshot = started.snapshot
  const steps: Step<Name>[] = []
  for (const pick of picks) {
    const before = snapshot
    const taken = others.filter((event) => accepts(before, event))
    const event = taken[pick % taken.length]
    if (event === undefined) break
    const evolved = next(before, event)
    steps.push({ before, event, evolved })
    snapshot = evolved.snapshot
  }
  return { started, steps, snapshot }
}

/** As Postgres gives it back: jsonb sorts the keys of objects by length, then by bytes. */
function throughJsonb(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (_key, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner
    const keys = Object.entries(inner).toSorted(([a], [b]) => a.length - b.length || (a < b ? -1 : 1))
    return Object.fromEntries(keys)
  })
}

/** What is withdrawn and disarmed has no order. */
const asksOf = ({ asked, armed, withdrawn, disarmed }: Evolved<unknown>) => ({
  asked,
  armed,
  withdrawn: withdrawn.toSorted(),
  disarmed: disarmed.toSorted(),
})

const sorted = (set: Iterable<string>) => [...set].sort()

describe.each(['job', 'server'] as const)('a %s', (kind) => {
  const { next, dehydrate, rehydrate, pending } = evolveOf(kind)

  test('goes on from its stored state as if it had never been stored', () => {
    fc.assert(
      fc.property(choices, (picks) => {
        for (const { before, event, evolved } of walk(kind, picks).steps) {
          const again = next(rehydrate(throughJsonb(dehydrate(before)) as ActorState) as never, event)
          expect(asksOf(again)).toEqual(asksOf(evolved))
          expect(dehydrate(again.snapshot as never)).toEqual(dehydrate(evolved.snapshot as never))
          expect(pathOf(again.snapshot.value)).toBe(pathOf(evolved.snapshot.value))
        }
      }),
      { numRuns: 60 },
    )
  })

  test('has asked for exactly what it waits for', () => {
    fc.assert(
      fc.property(choices, (picks) => {
        const { started, steps } = walk(kind, picks)
        const effects = new Set<string>()
        const deadlines = new Set<string>()
        for (const { asked, withdrawn, armed, disarmed, snapshot } of [started, ...steps.map((step) => step.evolved)]) {
          for (const key of withdrawn) expect(effects.delete(key), `${key} was withdrawn`).toBe(true)
          for (const { key } of asked) {
            expect(effects.has(key), `${key} is under way`).toBe(false)
            effects.add(key)
          }
          for (const name of disarmed) expect(deadlines.delete(name), `${name} was disarmed`).toBe(true)
          for (const { name } of armed) {
            expect(deadlines.has(name), `${name} is armed`).toBe(false)
            deadlines.add(name)
          }
          const waits = pending(snapshot as never)
          expect(sorted(effects)).toEqual(sorted(waits.effects))
          expect(sorted(deadlines)).toEqual(sorted(waits.deadlines))
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('a job', () => {
  const { next, accepts, pending } = evolveOf('job')
  const hasOutcome = ({ context }: SnapshotOf['job']) => context.outcome !== null

  test('has its outcome set once, with its failure', () => {
    fc.assert(
      fc.property(choices, (picks) => {
        for (const { before, evolved } of walk('job', picks).steps) {
          if (!hasOutcome(before)) continue
          const { outcome, failedStep, failure } = before.context
          expect(evolved.snapshot.context).toMatchObject({ outcome, failedStep, failure })
        }
      }),
      { numRuns: 300 },
    )
  })

  test('has an outcome as soon as it has left provisioning, and none before', () => {
    fc.assert(
      fc.property(choices, (picks) => {
        const { snapshot } = walk('job', picks)
        expect(hasOutcome(snapshot)).toBe(!snapshot.matches('queued') && !snapshot.matches('provisioning'))
      }),
      { numRuns: 200 },
    )
  })

  test('has an effect or a deadline in every state until it has ended', () => {
    fc.assert(
      fc.property(choices, (picks) => {
        const { snapshot } = walk('job', picks)
        const { effects, deadlines } = pending(snapshot)
        expect(effects.size + deadlines.size > 0, pathOf(snapshot.value)).toBe(!snapshot.hasTag('ended'))
      }),
      { numRuns: 200 },
    )
  })

  /** What happens to a job to which only this happens: of its effects and deadlines, the first that `choose` names. */
  const drive = (from: SnapshotOf['job'], choose: (snapshot: SnapshotOf['job']) => string | undefined) => {
    let snapshot = from
    for (let steps = 0; steps < 40; steps += 1) {
      const type = choose(snapshot)
      if (type === undefined) return snapshot
      const event = ofJob.happened(type as ofJob.JobEventType)
      if (!accepts(snapshot, event)) throw new Error(`${type} is not taken in ${pathOf(snapshot.value)}`)
      snapshot = next(snapshot, event).snapshot
    }
    throw new Error(`no end in sight, the job is ${pathOf(snapshot.value)}`)
  }

  test('comes to its end from everywhere, also when every effect but the release fails', () => {
    fc.assert(
      fc.property(choices, (picks) => {
        const end = drive(walk('job', picks).snapshot, (snapshot) => {
          const { effects, deadlines } = pending(snapshot)
          const [effect] = effects
          const [deadline] = deadlines
          if (effect !== undefined) return effect === 'server.release' ? `${effect}.succeeded` : `${effect}.failed`
          return deadline === undefined ? undefined : `${deadline}.elapsed`
        })
        expect(end.matches('complete')).toBe(true)
        expect(end.context.cleanup).not.toBe('pending')
      }),
      { numRuns: 100 },
    )
  })

  test('comes as far as its release by its deadlines alone, when no effect ever returns', () => {
    fc.assert(
      fc.property(choices, (picks) => {
        const end = drive(walk('job', picks).snapshot, (snapshot) => {
          const [deadline] = pending(snapshot).deadlines
          return deadline === undefined ? undefined : `${deadline}.elapsed`
        })
        expect(['releasing.asking', 'complete']).toContain(pathOf(end.value))
      }),
      { numRuns: 100 },
    )
  })
})

describe('a server', () => {
  /** What it waits for without an effect or a deadline: commands, and the job that holds it. */
  const waits = /^(available|reserved|reachable|unreachable|idle|clean)$/

  test('works, has a deadline, or waits for something that has a name, in each of its regions', () => {
    fc.assert(
      fc.property(choices, (picks) => {
        const { snapshot } = walk('server', picks)
        const leaves = snapshot._nodes.filter((node) => Object.keys(node.states).length === 0)
        for (const leaf of leaves) {
          const busy = leaf.invoke.length > 0 || leaf.after.length > 0
          expect(busy || snapshot.hasTag('ended') || waits.test(leaf.key), leaf.id).toBe(true)
        }
      }),
      { numRuns: 200 },
    )
  })

  test('is reserved exactly as long as it knows by whom', () => {
    fc.assert(
      fc.property(choices, (picks) => {
        const { snapshot } = walk('server', picks)
        const reserved = snapshot.matches({ active: { reservation: 'reserved' } })
        expect(snapshot.context.jobId !== null).toBe(reserved)
      }),
      { numRuns: 300 },
    )
  })

  test('knows dirty slots exactly as long as they are dirty', () => {
    fc.assert(
      fc.property(choices, (picks) => {
        const { snapshot } = walk('server', picks)
        expect(snapshot.context.dirtySlots !== null).toBe(snapshot.matches({ active: { media: 'dirty' } }))
      }),
      { numRuns: 300 },
    )
  })
})
