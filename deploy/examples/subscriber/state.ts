// What the example subscriber remembers, on disk before anything is acknowledged. With a database of your own this is a table:
// one row per job and server, and `sequence` in the same transaction as the rows.
import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/** The latest of one job or server. */
export type Latest = { readonly seq: number; readonly type: string; readonly at: string; readonly state: string }

/** Events that were never seen: those after `after_seq` and before `before_seq`. */
export type Gap = { readonly stream: string; readonly after_seq: number; readonly before_seq: number }

export type State = {
  /** JetStream's sequence of the last message taken, and the event that it was: to know the stream again. */
  sequence: number
  event_id: string | null
  /** How much of the output belongs to this state; what is behind was written just before a crash. */
  output_bytes: number
  /** By stream, the one that changed last at the end. */
  readonly streams: Map<string, Latest>
  /** The latest ones. */
  gaps: Gap[]
}

const gapsMax = 1000
/** Enough for the machines of a large site and the jobs of a few weeks; about 20 MB. */
const streamsMax = 100_000
const finalStates: ReadonlySet<string> = new Set(['complete', 'removed'])

/** Reads the state of an earlier run; an empty one where there was none. @throws on a file that is not a state. */
export async function loadState(path: string): Promise<State> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (!isMissing(error)) throw error
    return { sequence: 0, event_id: null, output_bytes: 0, streams: new Map(), gaps: [] }
  }
  const { streams, ...rest }: Omit<State, 'streams'> & { streams: Record<string, Latest> } = JSON.parse(text)
  return { ...rest, streams: new Map(Object.entries(streams)) }
}

/** Replaces the file at once: whoever reads it, also after a power failure, finds the old state or the new one. */
export async function saveState(path: string, state: State): Promise<void> {
  const file = await open(`${path}.new`, 'w')
  try {
    await file.writeFile(JSON.stringify({ ...state, streams: Object.fromEntries(state.streams) }))
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/**
 * Notes the latest of a stream, and forgets the jobs that ended longest ago where there are too many. Their events would be
 * taken again if they came again; they are far behind `sequence`, so they do not.
 */
export function remember({ streams }: State, stream: string, latest: Latest): void {
  streams.delete(stream)
  streams.set(stream, latest)
  if (streams.size <= streamsMax) return
  for (const [name, { state }] of streams) {
    if (!finalStates.has(state)) continue
    streams.delete(name)
    return
  }
  throw new Error(`more than ${streamsMax} jobs and servers are under way: raise streamsMax`)
}

/** Notes events that will never be seen. */
export function rememberGap(state: State, gap: Gap): void {
  state.gaps = [...state.gaps, gap].slice(-gapsMax)
}

/** A file of lines that is only ever as long as the state says. */
export type Output = {
  /** Resolves with the new length once the lines are on disk. */
  readonly append: (lines: readonly string[], at: number) => Promise<number>
  readonly close: () => Promise<void>
}

/**
 * Opens it and cuts off what was written just before a crash: the state does not know of it, so it comes again.
 * @throws where it is shorter than the state says: it is not the file that belongs to the state.
 */
export async function openOutput(path: string, bytes: number): Promise<Output> {
  const file = await open(path, 'a')
  const { size } = await file.stat()
  if (size < bytes) throw new Error(`${path} has ${size} bytes and the state knows of ${bytes}: start without both`)
  await file.truncate(bytes)
  return {
    append: async (lines, at) => {
      const text = Buffer.from(lines.map((line) => `${line}\n`).join(''))
      // An attempt that failed may have left something behind.
      await file.truncate(at)
      await file.appendFile(text)
      await file.sync()
      return at + text.byteLength
    },
    close: () => file.close(),
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
