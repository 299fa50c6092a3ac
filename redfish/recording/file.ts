/** Makes the file of a recording out of a BMC's tree, a job's exchanges and the facts about both. */
import {
  type RecordedExchange,
  type RecordedJob,
  type RecordedTree,
  type Recording,
  recordingFormat,
  recordingVersion,
} from './format.ts'
import { createRedaction, type KnownIdentities } from './redaction.ts'

export type RecordingParts = {
  readonly productVersion: string
  /** RFC 3339. */
  readonly recordedAt: string
  readonly server: {
    readonly serial: string
    readonly username: string
    readonly address: string
    readonly vendor: string | null
    readonly model: string | null
    readonly firmware: string | null
  }
  readonly tree: RecordedTree
  /** In the order in which they ended. */
  readonly exchanges: readonly RecordedExchange[]
  readonly missing: readonly string[]
  readonly job: RecordedJob | null
}

/**
 * The recording, with placeholders for every identity. The caller must have taken the secrets out of `tree` and
 * `exchanges`.
 */
export function makeRecording(parts: RecordingParts): Recording {
  const { server, tree } = parts
  const { hostname } = new URL(server.address)
  const isAddress = /^[\d.]+$|:/.test(hostname)
  const known: KnownIdentities = {
    serial: [server.serial],
    user: [server.username],
    [isAddress ? 'ip' : 'host']: [hostname.replace(/^\[|\]$/g, '')],
  }
  const redaction = createRedaction([tree.documents, parts.exchanges], known)
  const documents = tree.documents.map(({ path, status, headers, body }) => ({
    path: redaction.text(path),
    status,
    headers: redaction.json(headers) as Readonly<Record<string, string>>,
    body: redaction.json(body),
  }))
  const exchanges = parts.exchanges.map((exchange) => ({
    ...exchange,
    path: redaction.text(exchange.path),
    request: redaction.json(exchange.request) as RecordedExchange['request'],
    response: redaction.json(exchange.response) as RecordedExchange['response'],
  }))
  return {
    format: recordingFormat,
    version: recordingVersion,
    header: {
      product_version: parts.productVersion,
      recorded_at: parts.recordedAt,
      vendor: server.vendor,
      model: server.model,
      firmware: server.firmware,
      serial: redaction.text(server.serial),
      username: redaction.text(server.username),
      missing: [...parts.missing, ...tree.missing].map(redaction.text),
      job: parts.job,
      redacted: redaction.counts(),
    },
    tree: documents,
    exchanges,
  }
}
