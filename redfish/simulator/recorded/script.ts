/**
 * The exchanges of a recording as a script. A write is answered as its next recorded occurrence was: same method, path
 * and body. That moves the script on. A read gets the answers recorded between this write and the next one, in order;
 * the last of them repeats. A document that was not read then gets its last earlier answer, else the tree.
 * So a slot shows its image after the insert, however often a client reads it.
 */
import type { Json } from '../bmc/reply.ts'
import type { Exchange, RecordedFile } from './file.ts'
import { imageInParts, shownAfter } from './image.ts'
import { type Bindings, matchBody } from './placeholder.ts'

/** The recorded answer to a request; `document` is null if the answer was lost. */
export type Recorded = {
  readonly status: number | null
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Json | undefined
  readonly text?: string | undefined
}

type Answered = {
  readonly recorded: Recorded
  /** The present values of its placeholders. */
  readonly bindings: Bindings
  /** Where an image was written in parts: the placeholder of its URL, as the BMC shows it afterwards. */
  readonly shown: string | null
}

export type Sent = { readonly method: string; readonly path: string; readonly body: Json }

export type Script = {
  /** The answer to a read; null where this document was never read. */
  readonly read: (path: string) => Recorded | null
  /** The answer to a write, or the reason for its absence, in words. */
  readonly write: (sent: Sent) => Answered | { readonly unknown: string }
  /** Writes that were recorded and not sent yet. */
  readonly outstanding: () => readonly string[]
}

/** @param isSession paths of logins and logouts, which are answered elsewhere and move nothing on. */
export function createScript(
  file: Pick<RecordedFile, 'tree' | 'exchanges'>,
  isSession: (path: string) => boolean,
): Script {
  const exchanges = file.exchanges.filter(({ path }) => !isSession(path))
  const tree = new Map(file.tree.map((document) => [keyOf(document.path), document]))
  const used = new Set<number>()
  /** The write that was answered last, as an index. */
  let position = -1
  /** The number of reads of each document since then. */
  let turns = new Map<string, number>()

  const windowEnd = () => {
    const next = exchanges.findIndex(({ method }, index) => index > position && method !== 'GET')
    return next === -1 ? exchanges.length : next
  }
  const readsOf = (key: string, from: number, to: number) =>
    exchanges.slice(Math.max(from, 0), to).filter(({ method, path }) => method === 'GET' && keyOf(path) === key)

  return {
    read: (path) => {
      const key = keyOf(path)
      const now = readsOf(key, position + 1, windowEnd())
      const turn = turns.get(key) ?? 0
      turns.set(key, turn + 1)
      const next = now[turn] ?? now.findLast(({ status }) => status !== null)
      if (next !== undefined) return recordedOf(next)
      const before = readsOf(key, 0, position).findLast(isDocument)
      if (before !== undefined) return recordedOf(before)
      const document = tree.get(key)
      if (document !== undefined) return document
      const later = readsOf(key, position + 1, exchanges.length).find(isDocument)
      return later === undefined ? null : recordedOf(later)
    },

    write: ({ method, path, body }) => {
      const key = keyOf(path)
      let alike = 0
      for (const [index, exchange] of exchanges.entries()) {
        if (exchange.method !== method || keyOf(exchange.path) !== key) continue
        alike += 1
        const bindings = used.has(index) ? null : matchBody(exchange.request.body, body)
        if (bindings === null) continue
        used.add(index)
        if (index > position) {
          position = index
          turns = new Map()
        }
        const inParts = imageInParts(exchange.request.body ?? null) !== null
        return { recorded: recordedOf(exchange), bindings, shown: inParts ? shownAfter(exchanges, index) : null }
      }
      const told = `${method} ${path} with ${JSON.stringify(body).slice(0, 500)}`
      if (alike === 0) return { unknown: `${told} was not recorded: nothing of this method was sent to this path` }
      return {
        unknown: `${told} was not recorded, or is sent more often than it was then (${alike} of this method and path)`,
      }
    },

    outstanding: () =>
      exchanges.flatMap(({ method, path }, index) =>
        method === 'GET' || used.has(index) ? [] : [`${method} ${path}`],
      ),
  }
}

function isDocument({ status }: Exchange): boolean {
  return status !== null && status < 300
}

function recordedOf({ status, response }: Exchange): Recorded {
  return { status, ...response }
}

/** One document has one key, with and without a trailing slash. */
export const keyOf = (path: string) => path.replace(/\/$/, '')
