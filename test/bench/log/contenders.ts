/**
 * Who takes part in `bench:append`: the product's runtime, rows inserted by the same driver without any of its promises,
 * and two peers, which are installed apart (`npm ci --prefix test/bench`) and may be missing.
 */
import { randomUUID } from 'node:crypto'
import postgres from 'postgres'
import { v7 as uuidv7 } from 'uuid'
import { createRuntime, proposalOf } from '../../../actors/runtime.ts'
import { connect } from '../../../eventstore/postgres/database.ts'
import { jobStream } from '../../../machines/kinds.ts'
import { happened, successfulWay } from '../../machines/job/samples.ts'

export type Contender = {
  readonly name: string
  /** Lets this many actors make transitions until the instant (of `performance.now`); what each took, in ms. */
  readonly run: (concurrency: number, until: number) => Promise<readonly number[]>
  readonly close: () => Promise<void>
}

const cause = { actor: 'principal:bench', causationId: null, correlationId: null, trace: null }
const way = successfulWay.map(([type]) => happened(type))

/** Each actor is a job that goes through a whole successful history, event by event, and then another one. */
export function product(url: string): Contender {
  const { db, close } = connect({ url })
  const runtime = createRuntime({ db, nextId: uuidv7 })
  return {
    name: 'ours',
    run: (concurrency, until) =>
      loops(concurrency, until, () => {
        let jobId = uuidv7()
        let step = 0
        return async () => {
          const event = way[step]
          if (event === undefined) throw new Error('a history begins with an event')
          const stream = jobStream(jobId)
          const { type } = event
          const data = step === 0 ? { ...(event.data as object), job_id: jobId } : event.data
          await runtime.commit({ reads: [stream], cause, decide: () => [proposalOf(stream, { type, data })] })
          step = (step + 1) % way.length
          if (step === 0) jobId = uuidv7()
          return 1
        }
      }),
    close,
  }
}

const rawRowsMax = 100
const rawWriters = 2

/**
 * As many rows as there are actors, up to 100, in one statement, into a copy of the log without its trigger: what the
 * driver and the database can do. The rows are made beforehand.
 */
export async function rawRows(url: string): Promise<Contender> {
  const sql = postgres(url, { max: rawWriters, onnotice: () => {} })
  await sql`create table raw_events (like events including all)`
  const rowsOf = (count: number) =>
    Array.from({ length: count }, (_, version) => {
      const { type, data } = way[version % way.length] ?? { type: '', data: {} }
      const states = { state_from: 'queued', state_to: 'provisioning.buildingIso' }
      const about = { schema_version: 1, machine: 'job', machine_version: '1', actor: 'principal:bench' }
      const hashes = { prev_hash: 'a'.repeat(64), hash: 'b'.repeat(64) }
      const at = new Date().toISOString()
      return {
        id: '',
        stream: '',
        version: version + 1,
        type,
        data: sql.json(data as never),
        at,
        ...states,
        ...about,
        ...hashes,
      }
    })
  return {
    name: 'raw',
    run: (concurrency, until) => {
      const template = rowsOf(Math.min(concurrency, rawRowsMax))
      return loops(Math.min(concurrency, rawWriters), until, () => async () => {
        const stream = jobStream(randomUUID())
        const rows = template.map((row) => ({ ...row, id: randomUUID(), stream }))
        await sql`insert into raw_events ${sql(rows)}`
        return rows.length
      })
    },
    close: () => sql.end({ timeout: 5 }),
  }
}

/** What of `@event-driven-io/emmett-postgresql` is used here. */
type Emmett = {
  readonly getPostgreSQLEventStore: (url: string) => {
    readonly schema: { readonly migrate: () => Promise<unknown> }
    readonly appendToStream: (
      stream: string,
      events: readonly { readonly type: string; readonly data: unknown }[],
      options: { readonly expectedStreamVersion: bigint },
    ) => Promise<{ readonly nextExpectedStreamVersion: bigint }>
    readonly close: () => Promise<void>
  }
}

/** One event per append, at an expected version, to a stream of each actor's own. Null where it is not installed. */
export async function emmett(url: string): Promise<Contender | null> {
  const peer = await importPeer<Emmett>('@event-driven-io/emmett-postgresql')
  if (peer === null) return null
  const store = peer.getPostgreSQLEventStore(url)
  await store.schema.migrate()
  return {
    name: 'emmett',
    run: (concurrency, until) =>
      loops(concurrency, until, () => {
        const stream = `job-${randomUUID()}`
        let version = 0n
        return async () => {
          const event = way[Number(version) % way.length] ?? { type: '', data: {} }
          const appended = await store.appendToStream(stream, [event], { expectedStreamVersion: version })
          version = appended.nextExpectedStreamVersion
          return 1
        }
      }),
    close: () => store.close(),
  }
}

/** What of `@dbos-inc/dbos-sdk` is used here. */
type Dbos = {
  readonly DBOS: {
    readonly setConfig: (config: { name: string; systemDatabaseUrl: string; logLevel: string }) => void
    readonly launch: () => Promise<void>
    readonly shutdown: () => Promise<void>
    readonly registerWorkflow: (
      work: (run: string) => Promise<void>,
      config: { readonly name: string },
    ) => (run: string) => Promise<void>
    readonly runStep: (step: () => Promise<unknown>, config: { readonly name: string }) => Promise<unknown>
  }
}

/** One workflow per actor, whose steps answer an event's data at once. Null where it is not installed. */
export async function dbos(url: string): Promise<Contender | null> {
  const peer = await importPeer<Dbos>('@dbos-inc/dbos-sdk')
  if (peer === null) return null
  const { DBOS } = peer
  DBOS.setConfig({ name: 'bench', systemDatabaseUrl: url, logLevel: 'error' })
  const runs = new Map<string, { readonly until: number; readonly taken: number[] }>()
  const workflow = DBOS.registerWorkflow(
    async (run) => {
      const { until, taken } = runs.get(run) ?? { until: 0, taken: [] }
      for (let step = 0; performance.now() < until; step += 1) {
        const startedAt = performance.now()
        await DBOS.runStep(async () => way[step % way.length]?.data, { name: 'step' })
        taken.push(performance.now() - startedAt)
      }
    },
    { name: 'job' },
  )
  await DBOS.launch()
  return {
    name: 'dbos',
    run: async (concurrency, until) => {
      const run = randomUUID()
      const taken: number[] = []
      runs.set(run, { until, taken })
      await Promise.all(Array.from({ length: concurrency }, () => workflow(run)))
      runs.delete(run)
      return taken
    },
    close: () => DBOS.shutdown(),
  }
}

/** The name is a variable so that the types are checked without the peers, which are not the product's. */
async function importPeer<Module>(name: string): Promise<Module | null> {
  try {
    const module: Module = await import(name)
    return module
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return null
    throw error
  }
}

/** Repeats one step in each of several loops; a step that made `n` transitions counts as `n` of that duration. */
async function loops(count: number, until: number, start: () => () => Promise<number>): Promise<readonly number[]> {
  const taken: number[] = []
  const loop = async (step: () => Promise<number>) => {
    while (performance.now() < until) {
      const startedAt = performance.now()
      const transitions = await step()
      const ms = performance.now() - startedAt
      for (let one = 0; one < transitions; one += 1) taken.push(ms)
    }
  }
  await Promise.all(Array.from({ length: count }, () => loop(start())))
  return taken
}
