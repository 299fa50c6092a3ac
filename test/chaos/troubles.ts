/** Carries out the troubles of a schedule: what happens to one part of the site happens to it one after the other. */
import { setTimeout as delay } from 'node:timers/promises'
import postgres from 'postgres'
import { createKeyedMutex } from '../../actors/keyed-mutex.ts'
import type { Fleet } from './fleet.ts'
import type { Trouble } from './schedule.ts'
import type { Servers } from './servers.ts'
import type { Subscriber } from './subscriber.ts'

export type Victims = {
  readonly fleet: Fleet
  readonly servers: Servers
  readonly subscriber: Subscriber
  readonly say: (text: string) => void
  readonly signal: AbortSignal
}

/**
 * Starts the troubles of a round one after the other without waiting for their end, so that they overlap, and resolves
 * once the site has got over all of them.
 */
export async function makeTrouble(round: readonly Trouble[], victims: Victims): Promise<void> {
  const { say, signal } = victims
  const mutex = createKeyedMutex()
  const underWay: Promise<void>[] = []
  for (const trouble of round) {
    await delay(trouble.afterMs, undefined, { signal })
    const strikeInTurn = async () => {
      say(describe(trouble))
      await strike(trouble, victims)
    }
    const happening = mutex.run([partOf(trouble)], strikeInTurn, { signal })
    // Awaited below; one that fails before the round is complete is no unhandled rejection.
    happening.catch(() => {})
    underWay.push(happening)
  }
  await Promise.all(underWay)
}

/**
 * An append is held while both PostgreSQL and NATS are up: only then could the publisher overtake it. And a subscriber
 * that comes back has to find a server.
 */
function partOf(trouble: Trouble): string {
  return 'controller' in trouble ? `controller ${trouble.controller}` : 'log'
}

function describe({ afterMs: _, kind, ...rest }: Trouble): string {
  const details = Object.entries(rest).map(([name, value]) => `${name} ${value}`)
  return [kind, ...details].join(', ')
}

async function strike(trouble: Trouble, { fleet, servers, subscriber, signal }: Victims): Promise<void> {
  switch (trouble.kind) {
    case 'kill':
      return fleet.kill(trouble.controller)
    case 'pause':
      return fleet.pause(trouble.controller, trouble.forMs)
    case 'postgres':
      return servers.restartPostgres(trouble.downMs)
    case 'nats':
      return servers.restartNats(trouble.downMs)
    case 'hold':
      return holdAppends(servers.postgresUrl, trouble.forMs, signal)
    case 'subscriber':
      await subscriber.stop()
      return subscriber.start()
  }
}

/** The jobs that moved last, which are likely to move again soon. */
const heldJobs = 3

/**
 * Locks rows that an append writes after it was given its positions: the real statement, sent by a real controller, stays
 * uncommitted while others commit.
 */
async function holdAppends(url: string, forMs: number, signal: AbortSignal): Promise<void> {
  const sql = postgres(url, { max: 1, connect_timeout: 10 })
  try {
    await sql.begin(async (tx) => {
      await tx`select id from jobs where status <> 'complete' order by updated_at desc limit ${heldJobs} for update skip locked`
      await delay(forMs, undefined, { signal })
    })
  } finally {
    await sql.end({ timeout: 5 })
  }
}
