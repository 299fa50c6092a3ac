/** Liveness (`/healthz`) and readiness (`/readyz`), for machines, without authentication. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type postgres from 'postgres'
import type { Log } from '../../actors/log.ts'
import { type Database, ping } from '../../eventstore/postgres/database.ts'
import { migrationsAreCurrent } from '../../eventstore/postgres/migrate.ts'
import type { ApiEnv } from '../access/request.ts'
import { jsonAnswer } from '../schemas.ts'
import { describeError } from './request-log.ts'

export type ReadinessCheck = {
  readonly name: string
  /** True when the controller cannot work without it. Other failed checks are reported only. */
  readonly fatal: boolean
  /** A rejection counts as a failed check. `detail` is public. */
  readonly check: () => Promise<{ readonly ok: boolean; readonly detail: string }>
}

const checkTimeoutMs = 2000

export function databaseCheck(db: Database): ReadinessCheck {
  return {
    name: 'database',
    fatal: true,
    check: async () => {
      await ping(db)
      return { ok: true, detail: 'reachable' }
    },
  }
}

export function migrationsCheck(raw: postgres.Sql): ReadinessCheck {
  return {
    name: 'migrations',
    fatal: true,
    check: async () => {
      const ok = await migrationsAreCurrent(raw)
      return { ok, detail: ok ? 'current' : 'the database has the schema of another version' }
    },
  }
}

const health = z.object({ status: z.literal('ok') })
const readiness = z
  .object({
    status: z.enum(['ready', 'not_ready', 'draining']),
    checks: z.array(z.object({ name: z.string(), ok: z.boolean(), fatal: z.boolean(), detail: z.string() })),
  })
  .openapi('Readiness')

const healthRoute = createRoute({
  method: 'get',
  path: '/healthz',
  operationId: 'health',
  tags: ['Operation'],
  summary: 'Whether the process answers',
  responses: { 200: jsonAnswer('It does', health) },
})

const readyRoute = createRoute({
  method: 'get',
  path: '/readyz',
  operationId: 'readiness',
  tags: ['Operation'],
  summary: 'Whether the controller can work: database, migrations; NATS is told, but not needed',
  responses: {
    200: jsonAnswer('It can', readiness),
    503: jsonAnswer('It cannot, or it is stopping', readiness),
  },
})

export type HealthPorts = {
  readonly readiness: readonly ReadinessCheck[]
  readonly drain: AbortSignal
  readonly log: Log
}

export function healthRoutes({ readiness: checks, drain, log }: HealthPorts): OpenAPIHono<ApiEnv> {
  const run = async ({ name, fatal, check }: ReadinessCheck) => {
    try {
      return { name, fatal, ...(await withinTime(check())) }
    } catch (error) {
      log.warn({ check: name, err: describeError(error) }, 'a readiness check failed')
      return { name, fatal, ok: false, detail: 'failed; see the log' }
    }
  }
  // The route is public, so concurrent requests share one run of the checks.
  let looking: Promise<Awaited<ReturnType<typeof run>>[]> | null = null
  const look = () => {
    looking ??= Promise.all(checks.map(run)).finally(() => {
      looking = null
    })
    return looking
  }

  return new OpenAPIHono<ApiEnv>()
    .openapi(healthRoute, (context) => context.json({ status: 'ok' as const }, 200))
    .openapi(readyRoute, async (context) => {
      const results = await look()
      if (drain.aborted) return context.json({ status: 'draining' as const, checks: results }, 503)
      const ready = results.every(({ ok, fatal }) => ok || !fatal)
      return ready
        ? context.json({ status: 'ready' as const, checks: results }, 200)
        : context.json({ status: 'not_ready' as const, checks: results }, 503)
    })
}

/** @throws Error when the check takes longer than `checkTimeoutMs`. */
async function withinTime<Result>(result: Promise<Result>): Promise<Result> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`took longer than ${checkTimeoutMs} ms`)), checkTimeoutMs)
  try {
    return await Promise.race([result, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
