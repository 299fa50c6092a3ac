/** `/api/v1/servers` (spec/api.md "Servers"). A route parses, makes one call, and replies. */
import { OpenAPIHono } from '@hono/zod-openapi'
import type { ServerCommands } from '../../actors/commands/servers.ts'
import { unknownServer } from '../../actors/refusals.ts'
import type { StoredEvent } from '../../eventstore/log/event.ts'
import type { Database } from '../../eventstore/postgres/database.ts'
import { getServer, listServers } from '../../eventstore/read-models/servers.ts'
import type { FailureData } from '../../machines/event.ts'
import { kinds, serverStream } from '../../machines/kinds.ts'
import type { PowerAction, ServerEventData } from '../../machines/server/events.ts'
import { type Server, viewServer } from '../../machines/server/view.ts'
import { bodyBytesMax, limitBody } from '../access/limits.ts'
import { type ApiEnv, requesterOf } from '../access/request.ts'
import { bmcFailed } from '../errors.ts'
import type { History } from '../histories/history.ts'
import { refuseInvalid } from '../validation.ts'
import * as routes from './routes.ts'

export type ServerPorts = {
  readonly db: Database
  readonly servers: ServerCommands
  readonly drain: AbortSignal
  readonly limits: { readonly bmcWaitMs: number }
}

export function serverRoutes({ db, servers, drain, limits }: ServerPorts, history: History) {
  /** A removed server counts as unknown, although its history stays. @throws Refused unknown_server. */
  const requireServer = async (serial: string): Promise<Server> => {
    const server = await getServer(db, serial)
    if (server === null || server.status === 'removed') throw unknownServer(serial)
    return server
  }
  const bmcSignal = (request: Request) =>
    AbortSignal.any([AbortSignal.timeout(limits.bmcWaitMs), request.signal, drain])

  const app = new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalid })
  app.use('/api/v1/servers/*', limitBody(bodyBytesMax))
  return app
    .openapi(routes.put, async (context) => {
      const { serial } = context.req.valid('param')
      const { bmc_username: username, bmc_password: password, ...body } = context.req.valid('json')
      const { created } = await servers.put(
        {
          serial,
          bmc_address: new URL(body.bmc_address).origin,
          vendor: body.vendor ?? null,
          tls: body.tls ?? { mode: 'system' },
          labels: body.labels ?? {},
        },
        { username, password },
        requesterOf(context),
      )
      const server = await requireServer(serial)
      if (!created) return context.json(server, 200)
      context.header('location', `/api/v1/servers/${serial}`)
      return context.json(server, 201)
    })
    .openapi(routes.list, async (context) => {
      const { limit, cursor = null, status, label } = context.req.valid('query')
      const filter = { status, label: label === undefined ? undefined : readLabel(label) }
      const { rows, nextCursor } = await listServers(db, { filter, limit, cursor })
      return context.json({ servers: rows, next_cursor: nextCursor }, 200)
    })
    .openapi(routes.get, async (context) => {
      const { serial } = context.req.valid('param')
      return context.json(await requireServer(serial), 200)
    })
    .openapi(routes.remove, async (context) => {
      await servers.remove(context.req.valid('param').serial, requesterOf(context))
      return context.body(null, 204)
    })
    .openapi(routes.probe, async (context) => {
      const { serial } = context.req.valid('param')
      const signal = bmcSignal(context.req.raw)
      const outcome = await servers.probe(serial, { requester: requesterOf(context), signal })
      return context.json(probeResultOf(serial, outcome), 200)
    })
    .openapi(routes.acceptCertificate, async (context) => {
      const { serial } = context.req.valid('param')
      await servers.acceptCertificate(serial, context.req.valid('json').fingerprint, requesterOf(context))
      return context.json(await requireServer(serial), 200)
    })
    .openapi(routes.power, async (context) => {
      const { serial } = context.req.valid('param')
      const { action } = context.req.valid('json')
      const signal = bmcSignal(context.req.raw)
      const outcome = await servers.power(serial, action, { requester: requesterOf(context), signal })
      return context.json(powerResultOf({ serial, action }, outcome), 200)
    })
    .route('/', historyRoutes(db, history))
}

/** The server's history: its events, its state after any of them, and the changes between two. */
function historyRoutes(db: Database, history: History) {
  const requireHistory = async (serial: string): Promise<void> => {
    if ((await getServer(db, serial)) === null) throw unknownServer(serial)
  }
  return new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalid })
    .openapi(routes.events, async (context) => {
      const { serial } = context.req.valid('param')
      await requireHistory(serial)
      const answer = await history.events(context, serverStream(serial), context.req.valid('query'))
      return 'live' in answer ? answer.live : context.json(answer.page, 200)
    })
    .openapi(routes.state, async (context) => {
      const { serial } = context.req.valid('param')
      await requireHistory(serial)
      const { snapshot, event } = await history.state('server', serverStream(serial), context.req.valid('query'))
      return context.json({ ...viewServer(snapshot), seq: event.version, at: event.at }, 200)
    })
    .openapi(routes.stateChanges, async (context) => {
      const { serial } = context.req.valid('param')
      await requireHistory(serial)
      const query = context.req.valid('query')
      return context.json(await history.changes('server', serverStream(serial), { query, show: viewServer }), 200)
    })
}

/** @throws RequestRefused bmc_failed when the probe failed. */
function probeResultOf(serial: string, outcome: StoredEvent) {
  if (outcome.type === 'server.probe.failed')
    throw bmcFailed(`the BMC of server ${serial} could not be read`, outcome.data as FailureData)
  const { description, fingerprint, elapsed_ms } = kinds.server.upcast(outcome)
    .data as ServerEventData<'server.probe.succeeded'>
  return {
    serial,
    description,
    findings: description.findings,
    fingerprint,
    elapsed_ms,
    seq: outcome.version,
    at: outcome.at,
  }
}

/** @throws RequestRefused bmc_failed when the power action failed. */
function powerResultOf(asked: { readonly serial: string; readonly action: PowerAction }, outcome: StoredEvent) {
  if (outcome.type === 'server.power.failed')
    throw bmcFailed(`the host of server ${asked.serial} was not switched`, outcome.data as FailureData)
  return {
    ...asked,
    ...(outcome.data as ServerEventData<'server.power.succeeded'>),
    seq: outcome.version,
    at: outcome.at,
  }
}

/** `name` or `name=value`; a value may hold `=`. */
function readLabel(text: string): { readonly name: string; readonly value?: string } {
  const [name = '', ...value] = text.split('=')
  return value.length === 0 ? { name } : { name, value: value.join('=') }
}
