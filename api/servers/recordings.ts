/** `/api/v1/servers/{serial}/recording`: start, fetch the file, end. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { failureData } from '../../actors/failure.ts'
import { redactMediaTokens } from '../../actors/media/access/redaction.ts'
import type { Recordings } from '../../actors/recordings/recordings.ts'
import { bodyBytesMax, limitBody } from '../access/limits.ts'
import { type ApiEnv, requesterOf } from '../access/request.ts'
import { bmcFailed } from '../errors.ts'
import { jobId, jsonAnswer, refusals, serial } from '../schemas.ts'
import { refuseInvalid } from '../validation.ts'

export type RecordingPorts = {
  readonly recordings: Recordings
  /** Aborted when the controller begins to stop. */
  readonly drain: AbortSignal
}

/** Longer than the slowest BMC needs for its tree, the wait for a job's running step included. */
const recordTimeoutMs = 170_000

const path = '/api/v1/servers/{serial}/recording'
const tags = ['Servers']
const params = z.object({ serial })
const refusedAlways = [400, 401, 403, 429] as const

const start = createRoute({
  method: 'put',
  path,
  operationId: 'startRecording',
  tags,
  summary:
    "Keep the exchanges with this server's BMC from now on, for a day at most; what was kept before is forgotten",
  request: { params },
  responses: {
    200: jsonAnswer('Every controller knows', z.object({ serial: z.string(), started_at: z.string() })),
    ...refusals(...refusedAlways, 404, 409),
  },
})

const fetchFile = createRoute({
  method: 'post',
  path,
  operationId: 'fetchRecording',
  tags,
  summary: "Read the BMC's tree and answer it with the exchanges of a job, without secrets and what identifies",
  request: {
    params,
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z.strictObject({
            job_id: jobId.optional().openapi({ description: 'default: the latest one since the start' }),
          }),
        },
      },
    },
  },
  responses: {
    200: jsonAnswer(
      'The file, for `provisioner simulate --from`',
      z
        .object({
          format: z.string(),
          version: z.int(),
          header: z.record(z.string(), z.unknown()),
          tree: z.array(z.unknown()),
          exchanges: z.array(z.unknown()),
        })
        .openapi('Recording', { description: 'header, tree and exchanges; redfish/recording/format.ts has its shape' }),
    ),
    ...refusals(...refusedAlways, 404, 413, 415, 502),
  },
})

const end = createRoute({
  method: 'delete',
  path,
  operationId: 'endRecording',
  tags,
  summary: 'End a recording and forget what it kept; no recording is none to end',
  request: { params },
  responses: { 204: { description: 'Forgotten' }, ...refusals(...refusedAlways) },
})

export function recordingRoutes({ recordings, drain }: RecordingPorts) {
  const signalOf = (request: Request) => AbortSignal.any([AbortSignal.timeout(recordTimeoutMs), request.signal, drain])
  const app = new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalid })
  app.use(path.replace('{serial}', ':serial'), limitBody(bodyBytesMax))
  return app
    .openapi(start, async (context) => {
      const { serial } = context.req.valid('param')
      const { startedAt } = await recordings.start(serial, requesterOf(context), signalOf(context.req.raw))
      return context.json({ serial, started_at: startedAt }, 200)
    })
    .openapi(fetchFile, async (context) => {
      const { serial } = context.req.valid('param')
      const { job_id: job = null } = context.req.valid('json')
      const options = { jobId: job, requester: requesterOf(context), signal: signalOf(context.req.raw) }
      const file = await recordings.file(serial, options).catch((error: unknown) => {
        const failure = failureData(error, redactMediaTokens)
        throw failure === null ? error : bmcFailed(`the BMC of server ${serial} could not be recorded`, failure)
      })
      const { tree, exchanges } = file
      const header = { ...file.header, missing: [...file.header.missing] }
      return context.json({ ...file, header, tree: [...tree], exchanges: [...exchanges] }, 200)
    })
    .openapi(end, async (context) => {
      await recordings.end(context.req.valid('param').serial, requesterOf(context))
      return context.body(null, 204)
    })
}
