// The whole API on a real database, with real commands and without anything that performs effects: what a job's services
// would answer is committed by the tests. One per file.
import { readFileSync } from 'node:fs'
import { Registry } from 'prom-client'
import { v7 as uuidv7 } from 'uuid'
import { afterAll } from 'vitest'
import { createJobCommands } from '../../actors/commands/jobs.ts'
import { createServerCommands } from '../../actors/commands/servers.ts'
import { mediaSigning } from '../../actors/media/access/signing.ts'
import { createExchangeRecorder } from '../../actors/recordings/exchanges.ts'
import { createRecordingHistory } from '../../actors/recordings/history.ts'
import { createRecordings } from '../../actors/recordings/recordings.ts'
import { realTiming } from '../../actors/timing.ts'
import type { AuthOptions } from '../../api/access/auth.ts'
import { defaultLimits } from '../../api/access/limits.ts'
import { type ApiOptions, createApp } from '../../api/app.ts'
import { databaseCheck, migrationsCheck } from '../../api/operation/health.ts'
import { createVault } from '../../eventstore/ledgers/vault.ts'
import { jobStream, serverStream } from '../../machines/kinds.ts'
import type { DescriptionData } from '../../machines/server/description.ts'
import { createNoopBmc } from '../../redfish/noop.ts'
import { commit, openWorld, successfulRun, type World } from '../eventstore/rig/world.ts'

export const webhookSecret = 'marked-webhook-secret'
export const bmcPassword = 'marked-bmc-password'
export const reportTokenKey = Buffer.alloc(32, 9)
export const linuxRecipe: Record<string, unknown> = JSON.parse(
  readFileSync(new URL('../../deploy/examples/recipes/linux.json', import.meta.url), 'utf8'),
)
const budgets = {
  iso_build_ms: 60_000,
  redfish_ms: 1_200_000,
  redfish_poll_ms: 900_000,
  webhook_wait_ms: 7_200_000,
  cleanup_ms: 600_000,
  job_ms: 14_400_000,
}

/** What a probe finds. */
export const description: DescriptionData = {
  vendor: 'dell',
  model: 'R750',
  serial: null,
  redfish_version: '1.15.0',
  system: { id: '/redfish/v1/Systems/1', name: null, bios_version: '2.1', why: 'it is the only one' },
  manager: { id: '/redfish/v1/Managers/1', model: null, firmware: '6.00', why: 'it is the only one' },
  licence: null,
  slots: [{ id: '/vm/1', name: 'CD1', media_types: ['CD'], takes: ['cd'], operation: 'action', inserted: false }],
  passed_over: [],
  layout: { kind: 'two-cds', maintenance: '/vm/1', task: '/vm/2' },
  boot: {
    targets: ['Cd'],
    cd_target: 'Cd',
    modes: ['UEFI'],
    written_to: 'system',
    override: { enabled: 'Disabled', target: 'None', mode: 'UEFI' },
  },
  reset_types: ['On', 'ForceOff'],
  reset_types_from: 'action',
  etags: 'given',
  power: { power_state: 'Off', last_reset_time: null, boot_progress: null },
  session: 'session',
  tls: 'verified',
  findings: [{ code: 'license', severity: 'error', message: 'no virtual media', advice: 'buy one' }],
}

type LogLine = {
  readonly level: string
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}
export type Answer = { readonly status: number; readonly headers: Headers; readonly text: string; readonly body: Json }
/** Parsed JSON, read by tests that know which member they look at. */
interface Json {
  readonly [name: string]: Json
}
export type Ask = { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> }

export type Site = Awaited<ReturnType<typeof openSite>>

/** Closed after the file's last test. */
export async function openSite(changes: Partial<ApiOptions> = {}) {
  const world = await openWorld()
  afterAll(world.close)
  return siteOn(world, changes)
}

/** Another API on the same database. */
export async function siteOn(world: World, changes: Partial<ApiOptions> = {}) {
  const lines: LogLine[] = []
  const write = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) =>
    void lines.push({ level, fields, message })
  const { db, runtime, notifications } = world
  const parts = { db, runtime, notifications, nextId: uuidv7, vault: createVault(db, Buffer.alloc(32, 7)) }
  const drain = new AbortController()
  const clock = { nowMs: 0 }
  const registry = new Registry()
  const log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
  const servers = createServerCommands(parts)
  const history = createRecordingHistory({ db, runtime, owner: 'api' })
  const options: ApiOptions = {
    ...parts,
    jobs: createJobCommands({ ...parts, budgetsFor: () => budgets }),
    servers,
    recordings: createRecordings({
      db,
      bmcs: { use: (serial, work) => work(createNoopBmc({ serial })), forgetRead: () => {}, close: async () => {} },
      access: servers.access,
      recorder: createExchangeRecorder({ db, controller: 'api', history, log }),
      history,
      owner: 'api',
      ttlMs: 5000,
      nextId: uuidv7,
      timing: realTiming,
      log,
      version: '0.0.0',
    }),
    media: {
      auth: 'signed',
      signing: mediaSigning({ current: 'marked-media-secret-of-32-characters' }),
      tasks: { open: async () => null },
      images: { open: async () => null },
      mediaLive: async () => false,
      onRead: () => {},
      onRefused: () => {},
      now: () => new Date(),
    },
    auth: { mode: 'none' } satisfies AuthOptions,
    webhook: { secrets: [webhookSecret], reportTokenKey },
    limits: { ...defaultLimits, requestsPerMinute: 100_000, heartbeatMs: 50 },
    registry,
    readiness: [databaseCheck(db), migrationsCheck(world.raw)],
    drain: drain.signal,
    budgetsFor: () => budgets,
    log,
    now: () => clock.nowMs,
    wallClock: () => new Date('2026-03-01T12:00:00Z'),
    publicUrl: 'http://controller.example:8080',
    version: '0.0.0',
    streamName: 'PROVISIONER',
    ...changes,
  }
  const { app, document } = await createApp(options)

  const ask = async (method: string, path: string, { body, headers = {} }: Ask = {}): Promise<Answer> => {
    const sent = body === undefined ? {} : { 'content-type': 'application/json' }
    const response = await app.request(path, {
      method,
      headers: { ...sent, ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json') === true
    return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : {} }
  }

  const register = async (serial = `SRV-${uuidv7()}`): Promise<string> => {
    const answer = await ask('PUT', `/api/v1/servers/${serial}`, {
      body: { bmc_address: 'https://192.0.2.10', bmc_username: 'root', bmc_password: bmcPassword },
    })
    if (answer.status !== 201) throw new Error(`the server was not registered: ${answer.text}`)
    return serial
  }

  return {
    world,
    app,
    document,
    options,
    registry,
    lines,
    drain,
    clock,
    ask,
    register,
    /** A job on a server of its own, after that many steps of a run in which nothing goes wrong. */
    jobAfter: async (steps = 0): Promise<{ readonly jobId: string; readonly serial: string }> => {
      const serial = await register()
      const answer = await ask('POST', '/api/v1/jobs', { body: { server_serial: serial, recipe: linuxRecipe } })
      if (answer.status !== 202) throw new Error(`the job was not created: ${answer.text}`)
      const jobId = String(answer.body['job_id'])
      if (steps > 0) await commit(world, jobStream(jobId), successfulRun.slice(0, steps))
      if (steps >= successfulRun.length) await release(world, serial, jobId)
      return { jobId, serial }
    },
  }
}

/** What the performer of `server.release` does to the server. */
async function release(world: World, serial: string, jobId: string): Promise<void> {
  const data = { job_id: jobId, outcome: 'succeeded', cleanup: 'clean', slots: null, power_on: false }
  await commit(world, serverStream(serial), [{ type: 'server.released', data }])
}

/** Steps of a successful run after which a job waits for its report, and has ended. */
export const untilWaiting = successfulRun.findIndex(({ type }) => type === 'report.received')
export const untilComplete = successfulRun.length
