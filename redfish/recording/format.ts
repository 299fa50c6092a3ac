/**
 * The file of a recording: the documents of a BMC and the exchanges with it, without identities and secrets. Reading
 * order of the folder: this file, `placeholders.ts` (the stand-ins), `redaction.ts` and `encoded.ts` (finding what
 * identifies), `file.ts`. `simulator/recorded/` reads such files with a shape of its own.
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

/** `missing`: one sentence for each part that the tree lacks. */
export type RecordedTree = { readonly documents: readonly RecordedDocument[]; readonly missing: readonly string[] }

/** One request and its answer; `status` is null where no answer came. */
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

/** How the recorded job ended: a simulated host that replays the recording does the same. */
export type RecordedJob = {
  readonly outcome: string | null
  readonly failed_step: string | null
  readonly failure_kind: string | null
  /** The systemd unit that the host reported as failed. */
  readonly failed_unit: string | null
  /** True when the host sent a report. */
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
    /** A placeholder, as for every identity. A server that replays the recording is registered with it. */
    readonly serial: string
    readonly username: string
    /** Number of different values of each kind that were replaced. */
    readonly redacted: Readonly<Record<string, number>>
    /** One sentence for each known gap; empty where there is none. */
    readonly missing: readonly string[]
    readonly job: RecordedJob | null
  }
  readonly tree: readonly RecordedDocument[]
  readonly exchanges: readonly RecordedExchange[]
}
