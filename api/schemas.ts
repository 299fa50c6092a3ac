/** Schemas that several resources share. */
import { z } from '@hono/zod-openapi'

/** Text that PostgreSQL can compare: without U+0000. */
export const plainText = (charsMax: number) =>
  z
    .string()
    .min(1)
    .max(charsMax)
    .refine((text) => !text.includes('\0') && text.isWellFormed(), {
      message: 'holds characters that cannot be stored',
    })

/** Letters, digits and `. _ : -`: manufacturers print these, and a URL takes them unescaped. */
export const serial = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/)
  .openapi({ description: 'letters, digits and . _ : -, starting with a letter or digit', example: 'SRV-0017' })

export const jobId = z.uuid().toLowerCase().openapi({ example: '0198f1d2-7c1e-7000-8000-4a2b6c8d0e10' })
export const instant = z.iso
  .datetime({ offset: true })
  .openapi({ description: 'RFC 3339', example: '2026-03-01T12:00:00.000Z' })

/** A number of items per page, written as text. */
export const limit = z.coerce.number().int().min(1).max(500).default(50)
export const cursor = z.string().max(512).optional().openapi({ description: '`next_cursor` of the page before' })
export const nextCursor = z.string().nullable().openapi({ description: 'the next page; null on the last one' })

/** A version of a stream, written as text. */
export const seq = z.coerce.number().int().min(0).max(2_147_483_647)

export const warning = z.object({ path: z.string(), code: z.string(), message: z.string() })

export const failure = z
  .object({
    kind: z.string(),
    message: z.string(),
    operation: z.string().optional(),
    target: z.string().optional(),
    status: z.int().optional(),
    message_id: z.string().optional(),
    unit: z.string().optional(),
    attempts: z.int().optional(),
    elapsed_ms: z.number().optional(),
  })
  .openapi('Failure', { description: 'why a step failed; free of secrets' })

/** A named schema or null. `nullable()` would make the named component itself nullable, in all its uses. */
export function orNull<Schema extends z.ZodType>(schema: Schema) {
  return z.union([schema, z.null()])
}

const problem = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    error: z.string().openapi({ description: 'the stable machine word', example: 'validation_error' }),
    message: z.string(),
    details: z.array(z.object({ path: z.string(), code: z.string(), message: z.string() })),
    request_id: z.string(),
  })
  .openapi('Problem', { description: 'RFC 9457, with error, message and details besides' })

export const storedEvent = z
  .object({
    seq: z.int().openapi({ description: 'the place in its stream, from 1 without gaps' }),
    position: z.string(),
    id: z.uuid(),
    stream: z.string(),
    version: z.int(),
    type: z.string(),
    schema_version: z.int(),
    data: z.unknown(),
    state_from: z.string().nullable(),
    state_to: z.string(),
    machine: z.enum(['job', 'server']),
    machine_version: z.string(),
    at: z.string(),
    actor: z.string(),
    causation_id: z.string().nullable(),
    correlation_id: z.string().nullable(),
    trace: z.string().nullable(),
    prev_hash: z.string().nullable(),
    hash: z.string(),
  })
  .openapi('Event', { description: 'a stored event; hash covers all but seq, position and hash itself' })

export function jsonAnswer<Schema extends z.ZodType>(description: string, schema: Schema) {
  return { description, content: { 'application/json': { schema } } }
}

export function textAnswer(description: string) {
  return { description, content: { 'text/plain': { schema: z.string() } } }
}

/** The refusals of a route, for the OpenAPI document. The handlers throw, and problem.ts answers. */
export function refusals<const Status extends number>(...statuses: readonly Status[]) {
  const answer = { description: 'Refused', content: { 'application/problem+json': { schema: problem } } }
  return Object.fromEntries(statuses.map((status) => [status, answer])) as unknown as Readonly<
    Record<Status, typeof answer>
  >
}
