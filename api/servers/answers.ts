/** A server as the API shows it: `machines/server/view.ts`, with component names for the OpenAPI document. */
import { z } from '@hono/zod-openapi'
import { descriptionData } from '../../machines/server/description.ts'
import { server, serverView } from '../../machines/server/view.ts'
import { failure, orNull } from '../schemas.ts'

/** Copies, because only zod schemas of this module have `openapi()` for a component name. */
export const tlsPolicy = z
  .discriminatedUnion('mode', serverView.shape.tls.options)
  .openapi('TlsPolicy', { description: '`pinned` without a fingerprint pins the first certificate that is seen' })
const description = z
  .strictObject(descriptionData.shape)
  .openapi('BmcDescription', { description: 'what a probe found; null is what an older version of it did not record' })

/** The members whose schemas have a component name. */
const named = {
  tls: tlsPolicy,
  description: orNull(description),
  probe_failure: orNull(failure),
  power_failure: orNull(failure),
}

export const serverItem = z.object({ ...server.shape, ...named }).openapi('Server')
export const serverState = z
  .object({ ...serverView.shape, ...named, seq: z.int(), at: z.string() })
  .openapi('ServerState', { description: 'a server as it was after event `seq`' })
export const probeResult = z
  .object({
    serial: z.string(),
    description,
    findings: description.shape.findings,
    fingerprint: z.string().nullable(),
    elapsed_ms: z.number(),
    seq: z.int(),
    at: z.string(),
  })
  .openapi('ProbeResult')
