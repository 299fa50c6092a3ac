/**
 * Reads the part of a BMC's tree that provisioning may need: breadth first from the service root, along every
 * `@odata.id`, but for branches that are large and say nothing about media, boot and power. Bounded in documents, bytes,
 * depth and time.
 */

import { BmcError } from '../../failure.ts'
import type { RecordedDocument, RecordedTree } from '../../recording/format.ts'
import type { Call } from '../call.ts'
import { ROOT_PATH } from '../requests/sessions-link.ts'
import type { Service } from '../service/service.ts'
import { withoutSecrets } from '../wire/observe-exchange.ts'

const documentsMax = 250
const bytesMax = 8 * 1024 * 1024
/** Links away from the service root: Root → Managers → Manager → VirtualMedia → slot, and two for OEM detours. */
const depthMax = 6
/** Well below the time-out of the API's callers. */
const timeMs = 120_000

/** Names of path segments that the client does not enter: they are large, change all the time, or are about people. */
const passedBy =
  /^(?:Accounts|Roles|Sessions|LogServices|Logs?|Entries|Sensors|Thermal|Power|ThermalSubsystem|PowerSubsystem|EnvironmentMetrics|Assembly|Processors|Memory|MemoryDomains|Storage|SimpleStorage|Volumes|Drives|EthernetInterfaces|NetworkInterfaces|NetworkAdapters|NetworkPorts|NetworkDeviceFunctions|HostInterfaces|SerialInterfaces|PCIeDevices|PCIeFunctions|PCIeSlots|USB.*|Certificates|Keys|Registries|JsonSchemas|\$metadata|odata|Fabrics|UpdateService|EventService|TelemetryService|CertificateService|ComponentIntegrity|Jobs|JobService|DellJobs?|DellLogServices|FirmwareInventory|SoftwareInventory|Metrics|MetricReports|Cables|Facilities|AggregationService|CompositionService|KeyService)$/i

/**
 * Never writes. Documents that the BMC refuses are in the tree with their status. Rejects when the root cannot be read,
 * or the BMC is gone or refuses the client.
 */
export async function readTree(service: Service, call: Call): Promise<RecordedTree> {
  const documents: RecordedDocument[] = []
  const missing: string[] = []
  const seen = new Set([keyOf(ROOT_PATH)])
  const waiting: { readonly path: string; readonly depth: number }[] = [{ path: ROOT_PATH, depth: 0 }]
  const endMs = service.now() + timeMs
  let bytes = 0
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const { path, depth } = next
    const bound = boundReached({ documents: documents.length, bytes, late: service.now() > endMs })
    if (bound !== null) {
      missing.push(`${waiting.length + 1} documents of the tree: ${bound}`)
      break
    }
    const read = await readDocument(service, call, path)
    if (typeof read === 'string') {
      if (path === ROOT_PATH) throw service.fail(call, rootUnread(read), { method: 'GET', target: path })
      missing.push(`${path}: ${read}`)
      continue
    }
    const { document, links } = read
    documents.push(document)
    bytes += JSON.stringify(document.body).length
    if (depth === depthMax) continue
    for (const link of links) {
      const linked = pathOf(() => service.follow(call, link, path))
      if (linked === null || seen.has(keyOf(linked)) || !isWanted(linked)) continue
      seen.add(keyOf(linked))
      waiting.push({ path: linked, depth: depth + 1 })
    }
  }
  return { documents, missing }
}

async function readDocument(
  service: Service,
  call: Call,
  path: string,
): Promise<{ readonly document: RecordedDocument; readonly links: readonly string[] } | string> {
  try {
    const { doc, status, etag } = await service.read(call, path)
    const headers: Record<string, string> = etag === null ? {} : { etag }
    return {
      document: { path, status, headers, body: withoutSecrets(doc, call.redact) },
      links: [...linksIn(doc)],
    }
  } catch (error) {
    if (!(error instanceof BmcError)) throw error
    const { failure } = error
    // A BMC that is gone, or refuses the client, does so for the next document as well.
    if (['aborted', 'unreachable', 'unauthorized', 'tls'].includes(failure.kind)) throw error
    if (failure.kind !== 'refused') return failure.kind
    return { document: { path, status: failure.status, headers: {}, body: {} }, links: [] }
  }
}

function rootUnread(why: string) {
  return {
    kind: 'malformed',
    retry: false,
    path: ROOT_PATH,
    detail: `the service root cannot be read: ${why}`,
  } as const
}

function boundReached(now: { documents: number; bytes: number; late: boolean }): string | null {
  if (now.documents >= documentsMax) return `more than ${documentsMax} are not read`
  if (now.bytes >= bytesMax) return `more than ${bytesMax} bytes are not read`
  return now.late ? `reading stops after ${timeMs} ms` : null
}

/** Every link in a document, at any depth. */
function* linksIn(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    for (const item of value) yield* linksIn(item)
    return
  }
  for (const [name, inner] of Object.entries(value)) {
    // `href` and `extref` are iLO 4's (quirks.md 2); actions are written to and not read.
    if (
      (name === '@odata.id' || name === 'href' || name === 'extref' || name === '@Redfish.ActionInfo') &&
      typeof inner === 'string'
    )
      yield inner
    else yield* linksIn(inner)
  }
}

/** The path that a link leads to; null for one that leads to another host. */
function pathOf(follow: () => string): string | null {
  try {
    return (follow().split(/[?#]/)[0] ?? '').replace(/\/$/, '')
  } catch (error) {
    if (error instanceof BmcError) return null
    throw error
  }
}

function isWanted(path: string): boolean {
  if (!/^\/(?:redfish|rest)\/v1(?:\/|$)/i.test(path)) return false
  return !path.split('/').some((segment) => passedBy.test(segment))
}

const keyOf = (path: string) => path.replace(/\/$/, '').toLowerCase()
