/**
 * Reads a recording from a file: JSON, or gzipped JSON. The file is not trusted: size, depth and
 * number of values are checked before it is parsed, and its shape before any of it is served.
 */
import { createReadStream } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { z } from 'zod'
import type { Json } from '../bmc/reply.ts'
import { measureJson } from './json-size.ts'

const bytesMax = 64 * 1024 * 1024
const chunkBytes = 1024 * 1024
/** Redfish documents have a dozen levels. */
const depthMax = 100
/** Each takes some tens of bytes once it is parsed; the largest recording has a million. */
const valuesMax = 3_000_000
const documentsMax = 5_000
const exchangesMax = 20_000

const path = z.string().min(1).max(4_096).startsWith('/')
/** The headers that a recorder keeps: none of them concerns the transfer of an answer. */
const headerName = z.enum(['allow', 'etag', 'location', 'retry-after', 'www-authenticate', 'odata-version'])
const headerValue = z
  .string()
  .max(8_192)
  .regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'not the text of a header')
const headers = z
  .partialRecord(headerName, headerValue)
  .transform((given): Readonly<Record<string, string>> => ({ ...given }))
const status = z.int().min(200).max(599)
/** A body comes from parsed JSON and is served unchanged. */
const body = z.custom<Json>()
/** Text that goes to a terminal, so it has no control characters. */
const printed = (charsMax: number) =>
  z
    .string()
    .max(charsMax)
    .regex(/^\P{Cc}*$/u, 'with control characters')

const documentSchema = z.object({ path, status, headers, body })

const exchangeSchema = z.object({
  offset_ms: z.number(),
  operation: z.string().max(64),
  method: z.enum(['GET', 'POST', 'PATCH', 'DELETE']),
  path,
  status: status.nullable(),
  request: z.object({ body: body.optional() }),
  response: z.object({ headers, body: body.optional(), text: z.string().optional() }),
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
    serial: printed(128).min(1),
    username: printed(256).min(1),
    missing: z.array(printed(8_192)).max(documentsMax),
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

/**
 * Reads no more of the file than a recording can have.
 * @throws RangeError as `readRecording` does; the error of a file that cannot be read.
 */
export async function readRecordingFile(path: string): Promise<RecordedFile> {
  const parts: Buffer[] = []
  // One byte more shows that there are too many. A device or a pipe says nothing of its size.
  for await (const part of createReadStream(path, { end: bytesMax, highWaterMark: chunkBytes })) parts.push(part)
  return readRecording(Buffer.concat(parts))
}

/** @throws RangeError that says what is wrong with the file. */
export function readRecording(bytes: Uint8Array): RecordedFile {
  try {
    const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b
    const plain = isGzip ? gunzipSync(bytes, { maxOutputLength: bytesMax }) : bytes
    if (plain.length > bytesMax) throw new RangeError(`more than ${bytesMax} bytes`)
    const { depth, values } = measureJson(plain)
    if (depth > depthMax) throw new RangeError(`nested deeper than ${depthMax} levels`)
    if (values > valuesMax) throw new RangeError(`more than ${valuesMax} values`)
    return recordingSchema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(plain)))
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const why = error instanceof z.ZodError ? z.prettifyError(error) : error.message
    throw new RangeError(`this is no recording that can be served: ${why.slice(0, 2_000)}`, { cause: error })
  }
}
