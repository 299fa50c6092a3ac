// The state of the example subscriber, which is on disk before it acknowledges. In a database this is a table with one row per job
// and server, and `sequence` is written in the same transaction as the rows.
import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/** The latest state of one job or server. */
export type Latest = { readonly seq: number; readonly type: string; readonly at: string; readonly state: string }

/** A gap: the subscriber never received the events after `after_seq` and before `before_seq`. */
export type Gap = { readonly stream: string; readonly after_seq: number; readonly before_seq: number }

export type State = {
  /** JetStream's sequence of the last message taken, and its event's id, which identifies the stream. */
  sequence: number
  event_id: string | null
  /** The length of the output that belongs to this state; bytes after it were written just before a crash. */
  output_bytes: number
  /** By stream; the last entry changed last. */
  readonly streams: Map<string, Latest>
  /** The latest gaps. */
  gaps: Gap[]
}

const gapsMax = 1000
/** Enough for the servers of a large site and the jobs of a few weeks; about 20 MB. */
const streamsMax = 100_000
const finalStates: ReadonlySet<string> = new Set(['complete', 'removed'])

/** Reads the state of an earlier run; an empty state when there is no file. @throws when the file is not a state. */
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

/** Replaces the file atomically: a reader finds the old or the new state, also after a power failure. */
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
 * Stores the latest state of a stream, and above the limit forgets the jobs that ended longest ago. A redelivered event of such
 * a job would be handled again; that does not happen, since `sequence` is far past it.
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

/** Records a gap that the API could not fill. */
export function rememberGap(state: State, gap: Gap): void {
  state.gaps = [...state.gaps, gap].slice(-gapsMax)
}

/** A file of lines, truncated to the length in the state. */
export type Output = {
  /** Resolves with the new length once the lines are on disk. */
  readonly append: (lines: readonly string[], at: number) => Promise<number>
  readonly close: () => Promise<void>
}

/**
 * Opens the file and truncates it to the state's length: lines after it were written just before a crash and will come again.
 * @throws when it is shorter than that: the file does not belong to the state.
 */
export async function openOutput(path: string, bytes: number): Promise<Output> {
  const file = await open(path, 'a')
  const { size } = await file.stat()
  if (size < bytes) throw new Error(`${path} has ${size} bytes and the state knows of ${bytes}: start without both`)
  await file.truncate(bytes)
  return {
    append: async (lines, at) => {
      const text = Buffer.from(lines.map((line) => `${line}\n`).join(''))
      // A failed attempt may have written a part of the lines.
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
