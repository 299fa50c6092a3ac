/** A controller for tests: runtime, performer and deadlines on a database, with scripted services. */
import { readFileSync } from 'node:fs'
import { v7 as uuidv7 } from 'uuid'
import { expect, onTestFinished } from 'vitest'
import { createBmcWriters } from '../../../actors/bmcs/writers.ts'
import type { JobRequest } from '../../../actors/commands/job-request.ts'
import { createJobCommands } from '../../../actors/commands/jobs.ts'
import { type AcceptedRecipe, readRecipe } from '../../../actors/commands/recipe.ts'
import type { Requester } from '../../../actors/commands/requester.ts'
import { createServerCommands } from '../../../actors/commands/servers.ts'
import { startDeadlines } from '../../../actors/deadlines.ts'
import type { Log } from '../../../actors/log.ts'
import type { FinishedEffect } from '../../../actors/performer/effect.ts'
import { startPerformer } from '../../../actors/performer/leasing.ts'
import type { Refusal } from '../../../actors/refusals.ts'
import { createRuntime, type Runtime } from '../../../actors/runtime.ts'
import type { ServiceTable } from '../../../actors/service.ts'
import { createVault } from '../../../eventstore/ledgers/vault.ts'
import type { StoredEvent } from '../../../eventstore/log/event.ts'
import { followStream } from '../../../eventstore/log/follow.ts'
import { readStream } from '../../../eventstore/log/read.ts'
import { connect } from '../../../eventstore/postgres/database.ts'
import { startNotifications } from '../../../eventstore/postgres/notifications.ts'
import type { Budgets } from '../../../machines/job/events.ts'
import type { StreamId } from '../../../machines/kinds.ts'
import { budgets as defaultBudgets } from '../../machines/job/samples.ts'
import { patience } from '../../rig/patience.ts'
import { freshDatabase } from '../../rig/postgres.ts'

export const requester: Requester = { actor: 'principal:alice', requestId: 'request-1', trace: null }
export const credentials = { username: 'root', password: 'calvin-7-secret' }
export const rawRecipe = readFileSync(new URL('../../../deploy/examples/recipes/linux.json', import.meta.url))
export const acceptedRecipe = (raw: Uint8Array): AcceptedRecipe => {
  const recipe = readRecipe(raw)
  if (!recipe.ok) throw new Error(`the recipe has faults: ${JSON.stringify(recipe.faults)}`)
  return recipe
}
const waitMaxMs = 15_000

/** An error that refuses for this reason. */
export const refusedAs = (kind: Refusal['kind']) => ({ name: 'Refused', refusal: expect.objectContaining({ kind }) })

export type LogEntry = { readonly level: keyof Log; readonly message: string } & Readonly<Record<string, unknown>>

/**
 * A database of the test's own. It stays until the run ends: each DROP DATABASE waits for a checkpoint of the whole
 * cluster, which takes longer than most of the tests.
 */
export async function databaseOfTest(): Promise<string> {
  return (await freshDatabase()).url
}

/** What every controller has, without anything that runs by itself. Closed when the test is over. */
export async function controllerParts(
  url: string,
  { budgets = {}, ...limits }: { readonly budgets?: Partial<Budgets>; readonly silenceTimeoutMs?: number } = {},
) {
  const logged: LogEntry[] = []
  const { db, raw, close } = connect({ url, poolMax: 4, ...limits })
  const log = logTo(logged)
  const notifications = await startNotifications(raw, (error) => log.error({ err: error }, 'notify failed'))
  const runtime = createRuntime({ db, nextId: uuidv7 })
  runtime.onAppended(() => notifications.announce())
  const vault = createVault(db, Buffer.alloc(32, 7))
  const parts = { db, runtime, vault, notifications, nextId: uuidv7 }
  onTestFinished(async () => {
    await notifications.close()
    await close()
  })
  const jobs = createJobCommands({ ...parts, budgetsFor: () => ({ ...defaultBudgets, ...budgets }) })
  const servers = createServerCommands(parts)
  return {
    ...parts,
    raw,
    log,
    logged,
    jobs,
    servers,
    register: (serial: string) =>
      servers.put(
        {
          serial,
          bmc_address: `https://${serial.toLowerCase()}.example`,
          vendor: null,
          tls: { mode: 'system' },
          labels: {},
        },
        credentials,
        requester,
      ),
    requestJob: async (serial: string, about: Partial<JobRequest> = {}) => {
      const recipe = acceptedRecipe(rawRecipe)
      const asked = { serverSerial: serial, recipe, maintenanceIsoUrl: null, idempotencyKey: null, ...about }
      return (await jobs.request(asked, requester)).jobId
    },
    history: (stream: StreamId) => readStream(db, stream),
    /** Follows a stream to the next event of a type, stored or still to come. */
    eventOf: async (stream: StreamId, type: string, afterVersion = 0): Promise<StoredEvent> => {
      const signal = patience()
      const seen: string[] = []
      for await (const event of followStream({ db, notifications }, stream, { afterVersion, signal })) {
        seen.push(event.type)
        if (event.type === type) return event
      }
      throw new Error(`${stream} had no ${type} within ${waitMaxMs} ms, but ${seen.join(', ')}`)
    },
  }
}

export type Parts = Awaited<ReturnType<typeof controllerParts>>

export type RunOptions = {
  readonly owner?: string
  readonly concurrencyMax?: number
  readonly leaseTtlMs?: number
  readonly redact?: (text: string) => string
  readonly forgetRead?: (serial: string) => void
  readonly runtime?: Runtime
}

/** Starts the performer of a controller. It is stopped with the test. */
export function perform(parts: Parts, services: ServiceTable, options: RunOptions = {}) {
  const finished: FinishedEffect[] = []
  const waiting: (() => void)[] = []
  const owning = { owner: 'one', leaseTtlMs: 30_000, ...options }
  const performer = startPerformer({
    ...parts,
    services,
    writers: createBmcWriters({ ...parts, owner: owning.owner, ttlMs: owning.leaseTtlMs }),
    concurrencyMax: 8,
    redact: (text) => text,
    forgetRead: () => {},
    ...owning,
    onFinished: (one) => {
      finished.push(one)
      for (const wake of waiting.splice(0)) wake()
    },
  })
  onTestFinished(() => performer.stop())
  return {
    ...performer,
    finished,
    /** The first effect that came to such an end, now or later. */
    ended: async (wanted: Partial<FinishedEffect>): Promise<FinishedEffect> => {
      for (;;) {
        const found = finished.find((one) =>
          Object.entries(wanted).every(([field, value]) => one[field as keyof FinishedEffect] === value),
        )
        if (found !== undefined) return found
        await new Promise<void>((resolve) => waiting.push(resolve))
      }
    },
  }
}

/** Starts the deadlines of a controller. They are stopped with the test. */
export function fireDeadlines(parts: Parts) {
  const deadlines = startDeadlines(parts)
  onTestFinished(() => deadlines.stop())
  return deadlines
}

export function logTo(entries: LogEntry[]): Log {
  const write = (level: keyof Log) => (fields: Readonly<Record<string, unknown>>, message: string) =>
    void entries.push({ ...fields, level, message })
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
}
