/**
 * The exact inspection of one actor (for actors/sweep.ts): compares the waits that its log gives with the stored rows,
 * in one snapshot of the database, which shows every append whole or not at all.
 */
import { sql } from 'drizzle-orm'
import type { StallData, StallReason } from '../../machines/event.ts'
import { foldOf } from '../../machines/fold.ts'
import { jobStream, type KindName, kinds, parseStream, type StreamId, serverStream } from '../../machines/kinds.ts'
import { loadActor } from '../log/actors.ts'
import type { Repair } from '../log/consequences.ts'
import type { Database, Queryable } from '../postgres/database.ts'
import { abandoned, type Lateness, overdue } from './lateness.ts'
import { pendingByLog } from './pending-by-log.ts'

/** A violation; `known`: the history has it already, and the actor's state has not changed since. */
type Violation = StallData & { readonly known: boolean }

export type Inspection = {
  /** The version of the actor's last event; the findings hold for this version only. */
  readonly version: number
  readonly violations: readonly Violation[]
  /** Null when no row has to be put right. */
  readonly repair: Repair | null
  /** The ended job that still holds this server. */
  readonly heldBy: string | null
}

/** Inspects one actor. Null when it has no history. */
export async function inspect(db: Database, stream: StreamId, lateness: Lateness): Promise<Inspection | null> {
  return db.transaction((tx) => inspectIn(tx, stream, lateness), {
    isolationLevel: 'repeatable read',
    accessMode: 'read only',
  })
}

async function inspectIn(tx: Queryable, stream: StreamId, lateness: Lateness): Promise<Inspection | null> {
  const { kind, id } = parseStream(stream)
  const actor = await loadActor(tx, stream)
  if (actor === null) return null
  const waits = foldOf(kinds[kind], actor.snapshot).waits()
  const effects = await tx.execute<{ key: string; id: string; late: boolean }>(
    sql`select key, id, coalesce(${abandoned(lateness)}, false) as late from effects where stream = ${stream}`,
  )
  const deadlines = await tx.execute<{ name: string; late: boolean }>(
    sql`select name, ${overdue(lateness)} as late from deadlines where stream = ${stream}`,
  )
  const compared = await compare(tx, stream, {
    effects: { wanted: waits.effects, there: new Map(effects.map((row) => [row.key, row.id])) },
    deadlines: { wanted: waits.deadlines, there: new Set(deadlines.map((row) => row.name)) },
  })
  const late = [
    ...effects.filter((row) => row.late).map((row) => found('lease.abandoned', row.id, false)),
    ...deadlines.filter((row) => row.late).map((row) => found('deadline.overdue', row.name, false)),
  ]
  const reservation = await inspectReservation(tx, kind, id)
  const violations = [...compared.violations, ...late, ...reservation.violations]
  const told = violations.length === 0 ? new Set<string>() : await toldSinceLastChange(tx, stream)
  return {
    version: actor.version,
    violations: violations.map((one) => ({ ...one, known: !one.repaired && told.has(`${one.reason} ${one.subject}`) })),
    repair: compared.repair,
    heldBy: reservation.heldBy,
  }
}

function found(reason: StallReason, subject: string, repaired: boolean): StallData {
  return { reason, subject, repaired }
}

type Rows = {
  readonly effects: { readonly wanted: ReadonlySet<string>; readonly there: ReadonlyMap<string, string> }
  readonly deadlines: { readonly wanted: ReadonlySet<string>; readonly there: ReadonlySet<string> }
}

/** Compares the state's waits with the rows that are there. A difference that the log confirms can be put right. */
async function compare(
  tx: Queryable,
  stream: StreamId,
  { effects, deadlines }: Rows,
): Promise<Pick<Inspection, 'repair'> & { readonly violations: readonly StallData[] }> {
  const missing = {
    effects: [...effects.wanted].filter((key) => !effects.there.has(key)),
    deadlines: [...deadlines.wanted].filter((name) => !deadlines.there.has(name)),
  }
  const surplus = {
    effects: [...effects.there.keys()].filter((key) => !effects.wanted.has(key)),
    deadlines: [...deadlines.there].filter((name) => !deadlines.wanted.has(name)),
  }
  if ([missing, surplus].every((rows) => rows.effects.length + rows.deadlines.length === 0))
    return { violations: [], repair: null }
  const byLog = await pendingByLog(tx, stream)
  const repair: Repair = {
    stream,
    lost: {
      effects: missing.effects.flatMap((key) => byLog.effects.get(key) ?? []),
      deadlines: missing.deadlines.flatMap((name) => byLog.deadlines.get(name) ?? []),
    },
    surplus: {
      effectKeys: surplus.effects.filter((key) => !byLog.effects.has(key)),
      deadlineNames: surplus.deadlines.filter((name) => !byLog.deadlines.has(name)),
    },
  }
  const violations = [
    ...missing.effects.map((key) => found('effect.missing', byLog.effects.get(key)?.id ?? key, byLog.effects.has(key))),
    ...missing.deadlines.map((name) => found('deadline.missing', name, byLog.deadlines.has(name))),
    ...surplus.effects.map((key) =>
      found('effect.surplus', effects.there.get(key) ?? key, repair.surplus.effectKeys.includes(key)),
    ),
    ...surplus.deadlines.map((name) => found('deadline.surplus', name, repair.surplus.deadlineNames.includes(name))),
  ]
  return { violations, repair: violations.some(({ repaired }) => repaired) ? repair : null }
}

/** A job under way holds its server, and a job that holds a server is under way (spec/job.md "Server"). */
async function inspectReservation(
  tx: Queryable,
  kind: KindName,
  id: string,
): Promise<Pick<Inspection, 'heldBy'> & { readonly violations: readonly StallData[] }> {
  const right = { violations: [], heldBy: null }
  if (kind === 'job') {
    const job = (await loadActor(tx, jobStream(id)))?.snapshot
    if (job === undefined || job.matches('releasing') || job.matches('complete')) return right
    const serial = job.context.serverSerial
    const server = await loadActor(tx, serverStream(serial))
    if (server?.snapshot.context.jobId === id) return right
    return { violations: [found('reservation.missing', serial, false)], heldBy: null }
  }
  const holder = (await loadActor(tx, serverStream(id)))?.snapshot.context.jobId ?? null
  if (holder === null) return right
  const job = await loadActor(tx, jobStream(holder))
  if (job !== null && !job.snapshot.matches('complete')) return right
  // The state in which a job without a history left the server is unknown, so only an operator can release it.
  return { violations: [found('reservation.orphaned', holder, job !== null)], heldBy: job === null ? null : holder }
}

/** Unrepaired violations that the history records since the actor last changed its state. */
async function toldSinceLastChange(tx: Queryable, stream: StreamId): Promise<ReadonlySet<string>> {
  const rows = await tx.execute<{ told: string }>(sql`
    select distinct data ->> 'reason' || ' ' || (data ->> 'subject') as told from events
    where stream = ${stream} and type = 'actor.stall.observed' and data ->> 'repaired' = 'false'
      and version > (select max(version) from events where stream = ${stream} and state_from is distinct from state_to)`)
  return new Set(rows.map(({ told }) => told))
}
