/**
 * The file of a recording: what a BMC says, and what was said to it, without what identifies or opens anything. Reading
 * order of the folder: this file, `placeholders.ts` (what stands for what), `redaction.ts` and `encoded.ts` (how it is
 * found), `file.ts`. `simulator/recorded/` reads such files with a shape of its own.
 */

export const recordingFormat = 'provisioner-bmc-recording'
export const recordingVersion = 1

/** One document of the tree as it was when it was read. */
export type RecordedDocument = {
  readonly path: string
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

/** `missing` says in words what is not in it. */
export type RecordedTree = { readonly documents: readonly RecordedDocument[]; readonly missing: readonly string[] }

/** One request and its answer; `status` is null where none came. */
export type RecordedExchange = {
  /** From the start of the recording to the end of the exchange. */
  readonly offset_ms: number
  readonly elapsed_ms: number
  readonly operation: string
  readonly method: string
  readonly path: string
  readonly status: number | null
  readonly request: { readonly if_match?: string; readonly body?: unknown }
  readonly response: {
    readonly headers: Readonly<Record<string, string>>
    readonly body?: unknown
    readonly text?: string
  }
}

/** How the recorded job ended: what a host that stands in for the real one has to do. */
export type RecordedJob = {
  readonly outcome: string | null
  readonly failed_step: string | null
  readonly failure_kind: string | null
  /** The systemd unit that the host reported as failed. */
  readonly failed_unit: string | null
  /** Whether the host reported at all. */
  readonly reported: boolean
}

export type Recording = {
  readonly format: typeof recordingFormat
  readonly version: typeof recordingVersion
  readonly header: {
    readonly product_version: string
    readonly recorded_at: string
    readonly vendor: string | null
    readonly model: string | null
    readonly firmware: string | null
    /** A placeholder, like all that identifies: whoever replays registers a server with it. */
    readonly serial: string
    readonly username: string
    /** How many different values of each kind were replaced. */
    readonly redacted: Readonly<Record<string, number>>
    /** In words; empty where nothing is known to be missing. */
    readonly missing: readonly string[]
    readonly job: RecordedJob | null
  }
  readonly tree: readonly RecordedDocument[]
  readonly exchanges: readonly RecordedExchange[]
}
