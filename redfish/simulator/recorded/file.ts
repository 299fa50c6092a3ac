/**
 * Reads a recording from a file: JSON, or gzipped JSON. Whatever is in it came from somebody else's machine: shape, size
 * and depth are checked before any of it is served.
 */
import { gunzipSync } from 'node:zlib'
import { z } from 'zod'

const bytesMax = 64 * 1024 * 1024
const documentsMax = 5_000
const exchangesMax = 20_000

const path = z.string().min(1).max(4_096).startsWith('/')
const headers = z.record(z.string().max(64), z.string().max(8_192))
const status = z.int().min(200).max(599)

const documentSchema = z.object({ path, status, headers, body: z.json() })

const exchangeSchema = z.object({
  offset_ms: z.number(),
  operation: z.string().max(64),
  method: z.enum(['GET', 'POST', 'PATCH', 'DELETE']),
  path,
  status: status.nullable(),
  request: z.object({ body: z.json().optional() }),
  response: z.object({ headers, body: z.json().optional(), text: z.string().optional() }),
})

const recordingSchema = z.object({
  format: z.literal('provisioner-bmc-recording'),
  version: z.literal(1),
  header: z.object({
    product_version: z.string().max(64),
    recorded_at: z.string().max(64),
    vendor: z.string().nullable(),
    model: z.string().nullable(),
    firmware: z.string().nullable(),
    serial: z.string().min(1).max(128),
    username: z.string().min(1).max(256),
    missing: z.array(z.string()),
    job: z
      .object({
        outcome: z.string().nullable(),
        failed_step: z.string().nullable(),
        failed_unit: z.string().max(256).nullable(),
        reported: z.boolean(),
      })
      .nullable(),
  }),
  tree: z.array(documentSchema).max(documentsMax),
  exchanges: z.array(exchangeSchema).max(exchangesMax),
})

export type RecordedFile = z.infer<typeof recordingSchema>
export type Exchange = z.infer<typeof exchangeSchema>

/** @throws RangeError that says what is wrong with the file. */
export function readRecording(bytes: Uint8Array): RecordedFile {
  try {
    const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b
    const plain = isGzip ? gunzipSync(bytes, { maxOutputLength: bytesMax }) : bytes
    if (plain.length > bytesMax) throw new RangeError(`more than ${bytesMax} bytes`)
    return recordingSchema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(plain)))
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const why = error instanceof z.ZodError ? z.prettifyError(error) : error.message
    throw new RangeError(`this is no recording that can be served: ${why.slice(0, 2_000)}`, { cause: error })
  }
}
