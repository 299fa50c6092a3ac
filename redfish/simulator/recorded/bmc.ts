/** A BMC that answers requests from a recording. Reading order: `file.ts`, `script.ts`, this file. */
import { isObject, type Json, type JsonObject, type Reply } from '../bmc/reply.ts'
import { parseBody, type WireRequest } from '../bmc/wire.ts'
import type { Clock } from '../world/timing.ts'
import type { RecordedFile } from './file.ts'
import { createRecordedHost, type RecordedHost, type RecordedWorld } from './host.ts'
import { imageOf } from './image.ts'
import { resolve, resolveText } from './placeholder.ts'
import { createScript, keyOf, type Recorded, type Script } from './script.ts'
import { createRecordedSessions } from './sessions.ts'

export type Account = { readonly username: string; readonly password: string }

export type RecordedBmc = {
  readonly clock: Clock
  /** Null where no answer came when it was recorded. */
  readonly answer: (wire: WireRequest) => Promise<Reply | null>
  readonly inStyle: (reply: Reply) => Reply
  readonly host: RecordedHost['host']
  readonly outstanding: Script['outstanding']
}

export function createRecordedBmc(
  file: RecordedFile,
  { account, world }: { readonly account: Account; readonly world: RecordedWorld },
): RecordedBmc {
  const sessions = createRecordedSessions(file, world.newId)
  const script = createScript(file, sessions.isSession)
  const recordedHost = createRecordedHost(file, world)
  const bindings = new Map<string, string>()
  const basic = `Basic ${Buffer.from(`${account.username}:${account.password}`).toString('base64')}`

  const authenticated = (wire: WireRequest): boolean => {
    const token = wire.header('x-auth-token')
    return token === null ? wire.header('authorization') === basic : sessions.isOpen(token)
  }
  const replyOf = ({ status, headers, body, text }: Recorded): Reply | null => {
    if (status === null) return null
    const now = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, resolveText(value, bindings)]))
    return {
      status,
      headers: now,
      ...(body === undefined ? {} : { body: resolve(body, bindings) }),
      ...(text === undefined ? {} : { text: resolveText(text, bindings) }),
    }
  }
  const answerWrite = (sent: { method: string; path: string; body: Json }): Reply | null => {
    const found = script.write(sent)
    if ('unknown' in found) return notRecorded(501, found.unknown)
    for (const [placeholder, value] of found.bindings) if (placeholder !== '<secret>') bindings.set(placeholder, value)
    const { status } = found.recorded
    const image = imageOf(sent.body, found.bindings)
    if (found.shown !== null && image !== null) bindings.set(found.shown, image)
    if (status === null || status < 300) recordedHost.wrote(sent, image)
    return replyOf(found.recorded)
  }

  return {
    clock: world.clock,
    host: recordedHost.host,
    outstanding: script.outstanding,
    inStyle: (reply) => {
      const { refusal, ...rest } = reply
      return refusal === undefined ? reply : { ...rest, body: errorBody('more bytes than any recorded request') }
    },
    answer: async (wire) => {
      await world.clock.sleep(world.timing.responseMs, world.background.closing)
      const { method } = wire
      const path = keyOf(wire.path)
      const parsed = parseBody(wire)
      if ('refusal' in parsed) return notRecorded(400, `${method} ${path} with a body that is no JSON was not recorded`)
      if (method === 'POST' && sessions.isSession(path)) {
        const { body } = parsed
        const known = isObject(body) && body['UserName'] === account.username && body['Password'] === account.password
        return known ? sessions.logIn() : notRecorded(401, 'another account than that of this recorded BMC')
      }
      const isRoot = path === '/redfish/v1' || path === '/redfish'
      if (!(isRoot && method === 'GET') && !authenticated(wire))
        return notRecorded(401, 'no session, or one that has ended')
      if (method === 'DELETE' && sessions.isSession(path)) return sessions.logOut(path)
      if (method !== 'GET' && method !== 'HEAD') return answerWrite({ method, path, body: parsed.body })
      const read = script.read(path)
      return read === null ? notRecorded(404, `GET ${path} was not recorded`) : replyOf(read)
    },
  }
}

/** DSP0266 "Error responses"; the message names the request that the recording does not have. */
function notRecorded(status: number, message: string): Reply {
  return { status, body: errorBody(message) }
}

function errorBody(message: string): JsonObject {
  return { error: { code: 'Recorded.1.0.NotRecorded', message: `recorded BMC: ${message}` } }
}
