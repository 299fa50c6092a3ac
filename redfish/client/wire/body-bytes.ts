/** Reads the bytes of an answer's body, bounded while they arrive and while they are decompressed. */
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { malformed } from './fault.ts'

const gunzipAsync = promisify(gunzip)

export type BodySource = { readonly path: string; readonly encoding: string | undefined; readonly bytesMax: number }

/**
 * Reads a body to its end and undoes gzip. Rejects with a `malformed` fault when it is longer than `bytesMax` or broken
 * gzip, and with errors of the stream; the connection is then destroyed.
 */
export async function readBytes(body: AsyncIterable<unknown>, source: BodySource): Promise<Uint8Array> {
  return decoded(await collect(body, source), source)
}

async function collect(body: AsyncIterable<unknown>, { path, bytesMax }: BodySource): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError('the body stream gave something other than bytes')
    bytes += chunk.byteLength
    // Leaving the loop destroys the stream and with it the connection.
    if (bytes > bytesMax) throw malformed(path, `an answer of more than ${bytesMax} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Undoes gzip, which a BMC that refuses `identity` sends; bounded by the decoded size as well. */
async function decoded(bytes: Uint8Array, { path, encoding, bytesMax }: BodySource): Promise<Uint8Array> {
  if (!/^(x-)?gzip$/i.test(encoding ?? '')) return bytes
  try {
    return await gunzipAsync(bytes, { maxOutputLength: bytesMax })
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error
    const large = error.code === 'ERR_BUFFER_TOO_LARGE'
    throw malformed(path, large ? `an answer of more than ${bytesMax} bytes` : `broken gzip: ${error.message}`)
  }
}
