/**
 * One job from its request to the controller's clean stop, on a database, a NATS server and a simulated BMC of its own;
 * the controller dies once on the way, if it is told where. What is left behind is what `same-end.ts` judges.
 */
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { connect as connectNats, consumerOpts } from 'nats'
import { createClient } from '../../deploy/cli/client.ts'
import { jobBody } from '../../deploy/cli/job.ts'
import type { StoredEvent } from '../../eventstore/log/event.ts'
import type { Seam } from '../../eventstore/log/seams.ts'
import { beginning, readTail } from '../../eventstore/log/tail.ts'
import { connect } from '../../eventstore/postgres/database.ts'
import { parseSubject } from '../../eventstore/publish/subjects.ts'
import { type Verification, verifyLog } from '../../eventstore/upkeep/verify.ts'
import { startSimulator } from '../../redfish/simulator/server.ts'
import { orphansEnded } from '../e2e/rig/open-sessions.ts'
import { freePort } from '../e2e/rig/processes.ts'
import { bmcConfigs, expectSoundEnd, linuxRecipe, register } from '../e2e/rig/site.ts'
import { storageFolder } from '../e2e/rig/storage.ts'
import { freshNats } from '../rig/nats.ts'
import { patience, patienceMs } from '../rig/patience.ts'
import { freshDatabase } from '../rig/postgres.ts'
import { processEnv } from '../rig/process-env.ts'
import { supervise } from './controller.ts'

/** What a run left behind, after the last controller has stopped cleanly. */
export type JobRun = {
  /** The seams that were passed, each name once, in the order of their first passing. */
  readonly seams: readonly Seam[]
  /** The job's history. */
  readonly history: readonly StoredEvent[]
  /** Ids of every event, in the order of the log, and as a subscriber of NATS gets them. */
  readonly logged: readonly string[]
  readonly received: readonly string[]
  readonly verification: Verification
  readonly bmc: {
    /** Types of the resets that were accepted, in order. */
    readonly resets: readonly string[]
    readonly cdBoots: number
    /** Accepted inserts by slot. */
    readonly inserts: Readonly<Record<string, number>>
    readonly sessionsLeft: number
  }
}

const serial = 'S1'
const leaseTtlMs = 1000
const eventsMax = 1000

export async function runJob(killAt: Seam | null): Promise<JobRun> {
  const [port, folder, database, nats] = await Promise.all([freePort(), storageFolder(), freshDatabase(), freshNats()])
  // Slow enough for the report not to overtake the polling, so that every run takes the same way.
  const simulator = await startSimulator({ speed: 20, bmcs: bmcConfigs([{ host: { stepDurationMs: 2000 } }]) })
  const bmc = simulator.bmc(serial)
  const url = `http://127.0.0.1:${port}`
  const heard = await hear(nats.url)
  const controller = supervise(
    {
      ...processEnv,
      STORAGE_ROOT: folder,
      HTTP_ADDR: `127.0.0.1:${port}`,
      PUBLIC_URL: url,
      DATABASE_URL: database.url,
      NATS_URL: nats.url,
      REDFISH_MODE: 'http',
      JOB_LEASE_TTL: `${leaseTtlMs}ms`,
    },
    killAt,
  )
  try {
    const client = createClient({ url })
    const { insist } = controller
    await insist(() => register(client, bmc))
    await heard.of('server.probe.succeeded')
    const headers = { 'idempotency-key': randomUUID() }
    const body = jobBody(serial, linuxRecipe, undefined)
    const submit = () => client.request<{ job_id: string }>('/api/v1/jobs', { method: 'POST', body, headers })
    const { job_id: jobId } = await insist(submit)
    await heard.of('server.release.succeeded')
    // Some seams come after the job's end.
    if (killAt !== null) await within(controller.restarted, `a crash at ${killAt}`)
    const history = await insist(() => expectSoundEnd(client, jobId, bmc))
    await orphansEnded(database.url, { leaseTtlMs, signal: patience() })
    await controller.stop()
    return {
      seams: [...new Set(controller.passed)],
      history,
      ...(await readLog(database.url)),
      received: await readStream(nats.url),
      bmc: {
        resets: bmc.resets.map(({ resetType }) => resetType),
        cdBoots: bmc.hostBoots.filter(({ from }) => from === 'cd').length,
        inserts: insertsOf(bmc.requests),
        sessionsLeft: bmc.state.sessions,
      },
    }
  } finally {
    await controller.end()
    await heard.close()
    await simulator.close()
    await nats.stop()
    await database.drop()
    await rm(folder, { recursive: true, force: true })
  }
}

/** Hears of events as they are published, maybe more than once: only to know when to go on. */
async function hear(url: string) {
  const connection = await connectNats({ servers: url })
  const types = new Set<string>()
  const waiting = new Map<string, () => void>()
  connection.subscribe('provisioner.v1.>', {
    callback: (_error, { subject }) => {
      const type = parseSubject(subject)?.type ?? ''
      types.add(type)
      waiting.get(type)?.()
    },
  })
  await connection.flush()
  return {
    of: (type: string) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      waiting.set(type, resolve)
      if (types.has(type)) resolve()
      return within(promise, type)
    },
    close: () => connection.close(),
  }
}

async function within<Result>(wanted: Promise<Result>, what: string): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`no ${what} within ${patienceMs} ms`)), patienceMs)
  try {
    return await Promise.race([wanted, promise])
  } finally {
    clearTimeout(timer)
  }
}

async function readLog(url: string): Promise<Pick<JobRun, 'logged' | 'verification'>> {
  const { db, close } = connect({ url, poolMax: 1 })
  try {
    const events = await readTail(db, beginning, eventsMax)
    const verification = await verifyLog(db, { signal: patience() })
    return { logged: events.map(({ event }) => event.id), verification }
  } finally {
    await close()
  }
}

/** The whole stream, as a subscriber gets it that starts at its beginning. */
async function readStream(url: string): Promise<readonly string[]> {
  const connection = await connectNats({ servers: url })
  try {
    const subscription = await connection.jetstream().subscribe('provisioner.v1.>', consumerOpts().orderedConsumer())
    const ids: string[] = []
    for await (const message of subscription) {
      ids.push(message.json<{ id: string }>().id)
      if (message.info.pending === 0) break
    }
    return ids
  } finally {
    await connection.close()
  }
}

function insertsOf(requests: readonly { method: string; path: string; status: number | null }[]) {
  const inserts: Record<string, number> = {}
  for (const { method, path, status } of requests) {
    const slot = /VirtualMedia\/([^/]+)\/Actions\/VirtualMedia.InsertMedia$/.exec(path)?.[1]
    if (method !== 'POST' || slot === undefined || status === null || status >= 300) continue
    inserts[slot] = (inserts[slot] ?? 0) + 1
  }
  return inserts
}
