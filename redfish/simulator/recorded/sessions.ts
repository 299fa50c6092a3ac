/**
 * Logins and logouts of a recorded BMC. The recording has its answer to a login, but no tokens, so the server makes
 * new ones. Sessions do not move the script on, because the number of logins depends on the client's pauses.
 */
import { isObject, type Json, type Reply } from '../bmc/reply.ts'
import type { Exchange, RecordedFile } from './file.ts'
import { keyOf } from './script.ts'

export type RecordedSessions = {
  /** The path is the collection of sessions or one of its members. */
  readonly isSession: (path: string) => boolean
  readonly logIn: () => Reply | null
  readonly logOut: (path: string) => Reply
  readonly isOpen: (token: string) => boolean
}

const defaultPath = '/redfish/v1/SessionService/Sessions'

export function createRecordedSessions(file: RecordedFile, newToken: () => string): RecordedSessions {
  const collection = collectionOf(file)
  const logins = file.exchanges.filter(({ method, path }) => method === 'POST' && keyOf(path) === collection)
  const open = new Map<string, string>()
  let count = 0
  return {
    isSession: (path) => keyOf(path) === collection || path.startsWith(`${collection}/`),
    logIn: () => {
      const recorded = logins[count] ?? logins.findLast(({ status }) => status !== null)
      count += 1
      if (recorded?.status === null) return null
      if (recorded !== undefined && recorded.status >= 300) return replyOf(recorded, recorded.status)
      const token = newToken()
      const path = `${collection}/${count}`
      open.set(path, token)
      const headers = { 'x-auth-token': token, location: path }
      return {
        status: recorded?.status ?? 201,
        headers,
        body: { '@odata.id': path, Id: String(count), Name: 'Session' },
      }
    },
    logOut: (path) => {
      open.delete(keyOf(path))
      return { status: 204 }
    },
    isOpen: (token) => [...open.values()].includes(token),
  }
}

/** The path of the collection of sessions, by the service root. */
function collectionOf({ tree, exchanges }: RecordedFile): string {
  const roots: (Json | undefined)[] = [
    ...tree.filter(({ path }) => keyOf(path) === '/redfish/v1').map(({ body }) => body),
    ...exchanges.filter(({ path }) => keyOf(path) === '/redfish/v1').map(({ response }) => response.body),
  ]
  for (const root of roots) {
    const links = isObject(root) ? (root['Links'] ?? root['links']) : undefined
    const sessions = isObject(links) ? links['Sessions'] : undefined
    const link = isObject(sessions) ? (sessions['@odata.id'] ?? sessions['href']) : undefined
    if (typeof link === 'string') return keyOf(link)
  }
  return defaultPath
}

function replyOf({ response }: Exchange, status: number): Reply {
  const { headers, body, text } = response
  return { status, headers, ...(body === undefined ? {} : { body }), ...(text === undefined ? {} : { text }) }
}
