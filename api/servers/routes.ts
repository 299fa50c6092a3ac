/** The routes of servers, for the OpenAPI document; their handlers are in handlers.ts. */
import { createRoute, z } from '@hono/zod-openapi'
import { powerActions } from '../../machines/server/events.ts'
import { serverStatuses } from '../../machines/server/view.ts'
import { changesAnswers, changesQuery, eventsAnswers, eventsQuery, stateQuery } from '../histories/history.ts'
import { cursor, jsonAnswer, limit, nextCursor, plainText, refusals, serial } from '../schemas.ts'
import { probeResult, serverItem, serverState, tlsPolicy } from './answers.ts'

const tags = ['Servers']
const params = z.object({ serial })

/** Only the origin: the client discovers the paths, and answers show the address, so it must hold no credentials. */
const bmcAddress = z
  .string()
  .max(256)
  .refine(isOrigin, { message: 'is an http or https origin, without user, path, query and fragment' })
  .openapi({ description: 'http or https origin of the BMC', example: 'https://10.0.0.17' })

const labelName = z.string().regex(/^[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,62}[A-Za-z0-9])?$/)
const labelsMax = 64

const registration = z
  .strictObject({
    bmc_address: bmcAddress,
    bmc_username: plainText(256),
    bmc_password: plainText(1024).openapi({ format: 'password', description: 'kept sealed, never answered' }),
    vendor: plainText(64).nullish(),
    tls: tlsPolicy.optional().openapi({ description: 'how the certificate is judged; default: system CAs' }),
    labels: z
      .record(labelName, plainText(256))
      .refine((labels) => Object.keys(labels).length <= labelsMax, { message: `has at most ${labelsMax} labels` })
      .optional(),
  })
  .openapi('Registration')

const certificate = z
  .strictObject({
    fingerprint: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .openapi({ description: 'SHA-256 of the certificate, as the failure names it; compare it with the BMC itself' }),
  })
  .openapi('Certificate')

const refusedAlways = [400, 401, 403, 429] as const

export const put = createRoute({
  method: 'put',
  path: '/api/v1/servers/{serial}',
  operationId: 'putServer',
  tags,
  summary: 'Register a server, or replace its registration; a probe follows',
  request: { params, body: { required: true, content: { 'application/json': { schema: registration } } } },
  responses: {
    200: jsonAnswer('Replaced', serverItem),
    201: jsonAnswer('Registered', serverItem),
    ...refusals(...refusedAlways, 413, 415),
  },
})

export const list = createRoute({
  method: 'get',
  path: '/api/v1/servers',
  operationId: 'listServers',
  tags,
  summary: 'Servers by serial',
  request: {
    query: z.object({
      status: z.enum(serverStatuses).optional().openapi({ description: 'default: all that are not removed' }),
      label: plainText(322).optional().openapi({ description: '`name` or `name=value`' }),
      limit,
      cursor,
    }),
  },
  responses: {
    200: jsonAnswer('A page', z.object({ servers: z.array(serverItem), next_cursor: nextCursor })),
    ...refusals(...refusedAlways),
  },
})

export const get = createRoute({
  method: 'get',
  path: '/api/v1/servers/{serial}',
  operationId: 'getServer',
  tags,
  summary: 'One server',
  request: { params },
  responses: { 200: jsonAnswer('The server', serverItem), ...refusals(...refusedAlways, 404) },
})

export const remove = createRoute({
  method: 'delete',
  path: '/api/v1/servers/{serial}',
  operationId: 'removeServer',
  tags,
  summary: 'Forget a server; its history stays',
  request: { params },
  responses: { 204: { description: 'Forgotten' }, ...refusals(...refusedAlways, 404, 409) },
})

export const probe = createRoute({
  method: 'post',
  path: '/api/v1/servers/{serial}/probe',
  operationId: 'probeServer',
  tags,
  summary: 'Read the BMC and answer what was found',
  request: { params },
  responses: { 200: jsonAnswer('What was found', probeResult), ...refusals(...refusedAlways, 404, 502, 504) },
})

export const acceptCertificate = createRoute({
  method: 'post',
  path: '/api/v1/servers/{serial}/certificate',
  operationId: 'acceptCertificate',
  tags,
  summary: 'Pin another certificate of a BMC whose certificate changed; a probe follows',
  request: {
    params,
    body: { required: true, content: { 'application/json': { schema: certificate } } },
  },
  responses: { 200: jsonAnswer('Pinned', serverItem), ...refusals(...refusedAlways, 404, 409, 413, 415) },
})

export const power = createRoute({
  method: 'post',
  path: '/api/v1/servers/{serial}/power',
  operationId: 'switchPower',
  tags,
  summary: 'Switch the host on or off, or restart it',
  request: {
    params,
    body: {
      required: true,
      content: { 'application/json': { schema: z.strictObject({ action: z.enum(powerActions) }) } },
    },
  },
  responses: {
    200: jsonAnswer(
      'It was seen to happen',
      z.object({
        serial: z.string(),
        action: z.enum(powerActions),
        sent: z.array(z.string()),
        evidence: z.string(),
        after: z.object({
          power_state: z.string(),
          last_reset_time: z.string().nullable(),
          boot_progress: z.string().nullable(),
        }),
        attempts: z.int(),
        elapsed_ms: z.number(),
        seq: z.int(),
        at: z.string(),
      }),
    ),
    ...refusals(...refusedAlways, 404, 409, 413, 415, 502, 504),
  },
})

export const events = createRoute({
  method: 'get',
  path: '/api/v1/servers/{serial}/events',
  operationId: 'serverEvents',
  tags,
  summary: 'The whole history of a server, stored or live',
  request: { params, query: eventsQuery },
  responses: { ...eventsAnswers, ...refusals(...refusedAlways, 404, 503) },
})

export const state = createRoute({
  method: 'get',
  path: '/api/v1/servers/{serial}/state',
  operationId: 'serverState',
  tags,
  summary: 'A server as it was, by replay',
  request: { params, query: stateQuery },
  responses: { 200: jsonAnswer('The state', serverState), ...refusals(...refusedAlways, 404) },
})

export const stateChanges = createRoute({
  method: 'get',
  path: '/api/v1/servers/{serial}/state/changes',
  operationId: 'serverStateChanges',
  tags,
  summary: 'What changed of a server between two of its events',
  request: { params, query: changesQuery },
  responses: { ...changesAnswers, ...refusals(...refusedAlways, 404) },
})

function isOrigin(text: string): boolean {
  if (!/^https?:\/\/[^/?#@\\\s]+\/?$/i.test(text) || !URL.canParse(text)) return false
  const url = new URL(text)
  return url.username === '' && url.password === '' && url.pathname === '/' && url.search === '' && url.hash === ''
}
