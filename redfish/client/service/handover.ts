/**
 * Documents that one operation leaves to the next one of the same client, so that it need not read them again. A reader
 * says how old a document may be, and a write through this client invalidates it.
 */
import { LRUCache } from 'lru-cache'
import type { Answer } from './answer.ts'

export type Handover = {
  leave(answer: Answer): void
  /** The document if it was read at most `ageMsMax` ago; else null. */
  peek(path: string, ageMsMax: number): Answer | null
  /** The same, and uses the document up: an operation that decided on it does not decide on it again. */
  take(path: string, ageMsMax: number): Answer | null
  /** Registers a path that is written without having been read, so that the write invalidates only that path. */
  mark(path: string): void
  /** Call for every write: it invalidates the document that it goes to. */
  wrote(target: string): void
  clear(): void
}

/** A System, its settings and two slots; more is never used. */
const DOCUMENTS_MAX = 8

type Left = { readonly answer: Answer | null; readonly readAtMs: number }

const used: Left = { answer: null, readAtMs: 0 }

export function createHandover(now: () => number): Handover {
  /** Used entries stay as markers, so that a write to them does not invalidate all the others. */
  const left = new LRUCache<string, Left>({ max: DOCUMENTS_MAX })

  const peek: Handover['peek'] = (path, ageMsMax) => {
    const found = left.peek(path)
    return found !== undefined && now() - found.readAtMs <= ageMsMax ? found.answer : null
  }

  return {
    peek,
    clear: () => left.clear(),
    leave: (answer) => left.set(answer.path, { answer, readAtMs: now() }),
    take(path, ageMsMax) {
      const answer = peek(path, ageMsMax)
      if (left.has(path)) left.set(path, used)
      return answer
    },
    mark(path) {
      if (!left.has(path)) left.set(path, used)
    },
    wrote(target) {
      // The innermost resource: slots are below the System on some BMCs, and a write to a slot is none to the System.
      const [own] = [...left.keys()].filter((path) => isAt(path, target)).toSorted((a, b) => b.length - a.length)
      // A write to no known path, such as a vendor's action elsewhere, may change anything.
      for (const path of own === undefined ? [...left.keys()] : [own]) left.set(path, used)
    },
  }
}

/** True for a write to this resource or to one below it; `CD10` is not below `CD1`. */
function isAt(path: string, target: string): boolean {
  return `${target.replace(/\/+$/, '')}/`.startsWith(`${path.replace(/\/+$/, '')}/`)
}
