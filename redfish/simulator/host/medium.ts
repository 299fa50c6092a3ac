/**
 * A virtual CD or disk as the host sees it: bytes that the BMC fetches from the image's web server with small range
 * requests, as BMCs stream (quirks.md 7, "HEAD and Range").
 */
import { setTimeout as wait } from 'node:timers/promises'
import { MediumGone } from '../bmc/media.ts'
import { FatError } from './fat.ts'
import { IsoError, type ReadAt } from './iso9660.ts'
import { type Outbound, OutboundError, type OutboundResponse } from './outbound.ts'

const chunkBytes = 65_536
const chunksMax = 32
const requestDeadlineMs = 30_000
/** Reads are retried for this long while the web server is away; the kernel's SCSI layer waits about as long. */
const patienceMs = 60_000
const retryPauseMs = 200

/** A read failed for good; the host sees an I/O error. */
class MediumError extends Error {
  override readonly name = 'MediumError'
}

/** The error says that the medium cannot be read. Any other error is a fault of the simulator. */
export function isUnreadable(error: unknown): boolean {
  return (
    error instanceof MediumError ||
    error instanceof MediumGone ||
    error instanceof IsoError ||
    error instanceof FatError
  )
}

export type Medium = {
  readonly sizeBytes: number
  readonly readAt: ReadAt
  /** Bytes fetched so far. */
  readonly bytesRead: () => number
}

/**
 * Asks for the size and checks that the server serves ranges.
 *
 * @throws MediumError, or the reason of the signal.
 */
export async function openMedium(
  image: string,
  { outbound, signal }: { readonly outbound: Outbound; readonly signal: AbortSignal },
): Promise<Medium> {
  const send = (request: { method: 'GET' | 'HEAD'; headers?: Record<string, string>; bodyBytesMax: number }) =>
    patiently(() => outbound.send({ ...request, url: image, signal, deadlineMs: requestDeadlineMs }), signal)

  const head = await send({ method: 'HEAD', bodyBytesMax: 0 })
  const sizeBytes = Number(head.header('content-length'))
  if (head.status !== 200 || !Number.isSafeInteger(sizeBytes) || sizeBytes <= 0)
    throw new MediumError(`HEAD answered ${head.status} without a usable Content-Length`)

  let bytesRead = 0
  const fetchRange = async ({ offset, length }: { offset: number; length: number }): Promise<Buffer> => {
    const range = `bytes=${offset}-${offset + length - 1}`
    const { status, header, body } = await send({ method: 'GET', headers: { range }, bodyBytesMax: length })
    if (status !== 206) throw new MediumError(`a range request was answered with ${status}`)
    if (!header('content-range')?.startsWith(`bytes ${offset}-`) || body.length !== length)
      throw new MediumError('the answer to a range request has other bytes than asked for')
    bytesRead += length
    return body
  }

  const chunks = new Map<number, Buffer>()
  const chunk = async (index: number): Promise<Buffer> => {
    const known = chunks.get(index)
    if (known !== undefined) return known
    const offset = index * chunkBytes
    const fetched = await fetchRange({ offset, length: Math.min(chunkBytes, sizeBytes - offset) })
    const oldest = chunks.keys().next()
    if (chunks.size >= chunksMax && !oldest.done) chunks.delete(oldest.value)
    chunks.set(index, fetched)
    return fetched
  }

  return {
    sizeBytes,
    bytesRead: () => bytesRead,
    async readAt({ offset, length }) {
      if (offset < 0 || length < 0 || offset + length > sizeBytes)
        throw new MediumError(`bytes ${offset} to ${offset + length} are not on a medium of ${sizeBytes} bytes`)
      const first = Math.floor(offset / chunkBytes)
      const parts: Buffer[] = []
      for (let index = first; index * chunkBytes < offset + length; index += 1) parts.push(await chunk(index))
      const start = offset - first * chunkBytes
      return Buffer.concat(parts).subarray(start, start + length)
    },
  }
}

/** Retries after no answer and after 5xx, for up to `patienceMs`; returns any other status to the caller. */
async function patiently(send: () => Promise<OutboundResponse>, signal: AbortSignal): Promise<OutboundResponse> {
  const patience = AbortSignal.timeout(patienceMs)
  for (;;) {
    try {
      const response = await send()
      if (response.status < 500) return response
      if (patience.aborted) throw new MediumError(`the image's web server answers ${response.status}`)
    } catch (error) {
      if (!(error instanceof OutboundError)) throw error
      if (patience.aborted) throw new MediumError("the image's web server does not answer", { cause: error })
    }
    await pause(signal)
  }
}

/** Waits in real time, regardless of `speed`, because the web server does not run faster. */
async function pause(signal: AbortSignal): Promise<void> {
  try {
    await wait(retryPauseMs, undefined, { signal })
  } catch (error) {
    signal.throwIfAborted()
    throw error
  }
}
