/**
 * Documents that one operation leaves to the next one of the same client, so that it need not read them again. Each is
 * used for as short a time as its reader says, and never after something was written to it through this client.
 */
import type { Answer } from './answer.ts'

export type Handover = {
  leave(answer: Answer): void
  /** The document as it was read at most so long ago; null when there is none. */
  peek(path: string, ageMsMax: number): Answer | null
  /** The same, for once: what decides on it must not decide on it again. */
  take(path: string, ageMsMax: number): Answer | null
  /** To be told of a resource that is written without having been read: the write is known to be its own then. */
  mark(path: string): void
  /** To be told of every write: what was read of its resource does not count any more. */
  wrote(target: string): void
  clear(): void
}

/** A System, its settings and two slots; more is never used. */
const DOCUMENTS_MAX = 8

type Left = { readonly answer: Answer | null; readonly readAtMs: number }

const used: Left = { answer: null, readAtMs: 0 }

export function createHandover(now: () => number): Handover {
  /** A path stays when its document was used: a write to it concerns no other. */
  const left = new Map<string, Left>()

  const peek: Handover['peek'] = (path, ageMsMax) => {
    const found = left.get(path)
    return found !== undefined && now() - found.readAtMs <= ageMsMax ? found.answer : null
  }

  const put = (path: string, entry: Left) => {
    left.delete(path)
    left.set(path, entry)
    const [oldest] = left.keys()
    if (left.size > DOCUMENTS_MAX && oldest !== undefined) left.delete(oldest)
  }

  return {
    peek,
    clear: () => left.clear(),
    leave: (answer) => put(answer.path, { answer, readAtMs: now() }),
    take(path, ageMsMax) {
      const answer = peek(path, ageMsMax)
      if (left.has(path)) left.set(path, used)
      return answer
    },
    mark(path) {
      if (!left.has(path)) put(path, used)
    },
    wrote(target) {
      // The innermost one: slots are below the System on some BMCs, and a write to a slot is none to the System.
      const [own] = [...left.keys()].filter((path) => isAt(path, target)).toSorted((a, b) => b.length - a.length)
      // An action elsewhere, as vendors have them, may change anything.
      for (const path of own === undefined ? [...left.keys()] : [own]) left.set(path, used)
    },
  }
}

/** Whether a write goes to this resource or to something below it; `CD10` is not below `CD1`. */
function isAt(path: string, target: string): boolean {
  return `${target.replace(/\/+$/, '')}/`.startsWith(`${path.replace(/\/+$/, '')}/`)
}
