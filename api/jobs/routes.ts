/** The routes of jobs, for the OpenAPI document; their handlers are in handlers.ts. */
import { createRoute, z } from '@hono/zod-openapi'
import { jobOutcomes, jobStatuses } from '../../machines/job/view.ts'
import { changesAnswers, changesQuery, eventsAnswers, eventsQuery, stateQuery } from '../histories/history.ts'
import {
  cursor,
  instant,
  jobId,
  jsonAnswer,
  limit,
  nextCursor,
  plainText,
  refusals,
  serial,
  warning,
} from '../schemas.ts'
import { jobDetail, jobItem, jobState, recipeSummary } from './answers.ts'

const tags = ['Jobs']
const params = z.object({ job_id: jobId })

const accepted = z
  .object({
    job_id: z.uuid(),
    status: z.enum(jobStatuses),
    server_serial: z.string(),
    created_at: z.string(),
    warnings: z.array(warning),
  })
  .openapi('AcceptedJob')

const plan = z
  .object({
    dry_run: z.literal(true),
    server_serial: z.string(),
    recipe: recipeSummary,
    warnings: z.array(warning),
    server_status: z.enum(['probed', 'not_probed']),
    layout: z.object({ kind: z.string(), maintenance: z.string(), task: z.string() }).nullable(),
    effects: z.array(z.object({ step: z.string(), effect: z.string(), slot: z.string().nullable() })),
    waits: z.array(z.object({ for: z.string(), budget_ms: z.int() })),
    task_iso: z.object({ sha256: z.string(), bytes: z.int() }).nullable(),
  })
  .openapi('Plan', { description: 'what a job would do if every step went well' })

export const create = createRoute({
  method: 'post',
  path: '/api/v1/jobs',
  operationId: 'createJob',
  tags,
  summary: 'Install a server',
  description:
    'The same `Idempotency-Key` with the same body answers 200 with the job that exists, with another body 422. ' +
    'With `dry_run=true` nothing is stored or sent, and the answer is 200 with a plan.',
  request: {
    query: z.object({ dry_run: z.enum(['true', 'false']).optional() }),
    headers: z.object({ 'idempotency-key': z.string().optional() }),
    body: {
      required: true,
      // For the document only; body.ts reads the body, because the recipe is kept byte for byte as it was sent.
      content: {
        'application/json': {
          schema: {
            type: 'object',
            additionalProperties: false,
            required: ['server_serial', 'recipe'],
            properties: {
              server_serial: { type: 'string', maxLength: 128 },
              recipe: { $ref: '#/components/schemas/Recipe' },
              maintenance_iso_url: { type: ['string', 'null'], format: 'uri', maxLength: 1024 },
            },
          },
        },
      },
    },
  },
  responses: {
    202: jsonAnswer('The job is queued; `Location` is where it is', accepted),
    200: jsonAnswer('It existed already, or the plan of a dry run', z.union([accepted, plan])),
    ...refusals(400, 401, 403, 404, 409, 413, 415, 422, 429, 503),
  },
})

export const list = createRoute({
  method: 'get',
  path: '/api/v1/jobs',
  operationId: 'listJobs',
  tags,
  summary: 'Jobs, newest first',
  request: {
    query: z.object({
      status: z.enum(jobStatuses).optional(),
      outcome: z.enum(jobOutcomes).optional(),
      server: serial.optional(),
      target: plainText(255).optional(),
      since: instant.optional().openapi({ description: 'created at or after' }),
      limit,
      cursor,
    }),
  },
  responses: {
    200: jsonAnswer('A page', z.object({ jobs: z.array(jobItem), next_cursor: nextCursor })),
    ...refusals(400, 401, 403, 429),
  },
})

export const get = createRoute({
  method: 'get',
  path: '/api/v1/jobs/{job_id}',
  operationId: 'getJob',
  tags,
  summary: 'One job, with what happened and what it waits for',
  request: { params },
  responses: { 200: jsonAnswer('The job', jobDetail), ...refusals(400, 401, 403, 404, 410, 429) },
})

export const cancel = createRoute({
  method: 'post',
  path: '/api/v1/jobs/{job_id}/cancel',
  operationId: 'cancelJob',
  tags,
  summary: 'End a job before its outcome; cleanup follows',
  request: {
    params,
    body: { content: { 'application/json': { schema: z.strictObject({ reason: plainText(1000).nullish() }) } } },
  },
  responses: {
    202: jsonAnswer('The job is cancelled and being cleaned up', jobItem),
    ...refusals(400, 401, 403, 404, 409, 410, 413, 415, 429),
  },
})

export const retry = createRoute({
  method: 'post',
  path: '/api/v1/jobs/{job_id}/retry',
  operationId: 'retryJob',
  tags,
  summary: 'Run the recipe of an ended job again, as a new job',
  request: { params },
  responses: {
    202: jsonAnswer('The new job is queued', accepted.extend({ retry_of: z.uuid() }).openapi('RetriedJob')),
    ...refusals(400, 401, 403, 404, 409, 410, 429, 503),
  },
})

export const events = createRoute({
  method: 'get',
  path: '/api/v1/jobs/{job_id}/events',
  operationId: 'jobEvents',
  tags,
  summary: 'The whole history of a job, stored or live',
  request: { params, query: eventsQuery },
  responses: { ...eventsAnswers, ...refusals(400, 401, 403, 404, 410, 429, 503) },
})

export const state = createRoute({
  method: 'get',
  path: '/api/v1/jobs/{job_id}/state',
  operationId: 'jobState',
  tags,
  summary: 'A job as it was, by replay',
  request: { params, query: stateQuery },
  responses: { 200: jsonAnswer('The state', jobState), ...refusals(400, 401, 403, 404, 410, 429) },
})

export const stateChanges = createRoute({
  method: 'get',
  path: '/api/v1/jobs/{job_id}/state/changes',
  operationId: 'jobStateChanges',
  tags,
  summary: 'What changed of a job between two of its events',
  request: { params, query: changesQuery },
  responses: { ...changesAnswers, ...refusals(400, 401, 403, 404, 410, 429) },
})
