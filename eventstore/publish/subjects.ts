/**
 * NATS subjects of events: `provisioner.v1.jobs.<job_id>.<type...>` and `provisioner.v1.servers.<serial>.<type...>`.
 * A job id or serial is one token; a type's dots stay dots, so that `provisioner.v1.jobs.*.redfish.>` works.
 */
import { type KindName, parseStream, type StreamId } from '../../machines/kinds.ts'

const prefix = 'provisioner.v1'
const branches = { job: 'jobs', server: 'servers' } as const satisfies Record<KindName, string>

/** The subjects of the JetStream stream. */
export const allSubjects = `${prefix}.>`

/** The subject of one event. */
export function subjectOf({ stream, type }: { readonly stream: StreamId; readonly type: string }): string {
  const { kind, id } = parseStream(stream)
  return `${prefix}.${branches[kind]}.${tokenOf(id)}.${type}`
}

/** The way back from `subjectOf`; null for a subject that it does not give. */
export function parseSubject(subject: string): { readonly stream: StreamId; readonly type: string } | null {
  const match = /^provisioner\.v1\.(jobs|servers)\.([^.]+)\.(.+)$/.exec(subject)
  const [, branch, token, type] = match ?? []
  if (branch === undefined || token === undefined || type === undefined) return null
  const id = idOf(token)
  return id === null ? null : { stream: `${branch === branches.job ? 'job' : 'server'}-${id}`, type }
}

/**
 * An id as one token: bytes of its UTF-8 other than letters, digits and `-_!~'()` are written `%XX`. NATS separates tokens by
 * dots and spaces, takes `*` and `>` for wildcards, and its tools show no control characters.
 */
function tokenOf(id: string): string {
  return encodeURIComponent(id.toWellFormed()).replaceAll('.', '%2E').replaceAll('*', '%2A')
}

function idOf(token: string): string | null {
  try {
    const id = decodeURIComponent(token)
    return tokenOf(id) === token ? id : null
  } catch (error) {
    if (error instanceof URIError) return null
    throw error
  }
}
