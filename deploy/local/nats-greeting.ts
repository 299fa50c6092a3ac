// Reads the greeting of a NATS server. The NATS client's `connection.info` would have it, too, but nats.js 2.29 leaves the socket
// open when the server stays silent (one that is stopped, say), which keeps the process from ending; and its connect() takes no
// AbortSignal.
import { connect } from 'node:net'
import { z } from 'zod'
import { hasCode } from './files.ts'

const greetingTimeoutMs = 2_000
const greetingCharsMax = 64 * 1024

const greetingShape = z.object({ server_name: z.string(), jetstream: z.boolean().optional() })

/**
 * The INFO line with which a NATS server opens every connection (NATS client protocol); undefined when nothing answers.
 */
export async function readGreeting({
  url,
  signal,
}: {
  url: string
  signal: AbortSignal
}): Promise<z.infer<typeof greetingShape> | undefined> {
  const { hostname, port } = new URL(url)
  const limit = AbortSignal.any([signal, AbortSignal.timeout(greetingTimeoutMs)])
  const socket = connect({ host: hostname, port: Number(port), signal: limit })
  let line = ''
  try {
    for await (const chunk of socket.setEncoding('utf8')) {
      line += String(chunk)
      if (line.includes('\r\n') || line.length > greetingCharsMax) break
    }
  } catch (error) {
    signal.throwIfAborted()
    if (limit.aborted || hasCode(error, 'ECONNREFUSED', 'ECONNRESET')) return undefined
    throw error
  } finally {
    socket.destroy()
  }
  const json = /^INFO (\{.*\})\s*\r\n/.exec(line)?.[1]
  return json === undefined ? undefined : greetingShape.parse(JSON.parse(json))
}
