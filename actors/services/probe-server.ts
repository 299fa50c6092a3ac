/** Reads a BMC's resources, for operators and for the server's history. Safe to repeat: it only reads. */
import type { StoredEvent } from '../../eventstore/log/event.ts'
import { serverStream } from '../../machines/kinds.ts'
import type { ServerEventData } from '../../machines/server/events.ts'
import type { Bmcs } from '../bmcs/clients.ts'
import type { Runtime } from '../runtime.ts'
import type { Service } from '../service.ts'
import { type Timing, timed } from '../timing.ts'
import { descriptionData } from './facts.ts'

export type ProbeServerOptions = {
  readonly bmcs: Bmcs
  readonly timing: Timing
  /** The fingerprint of the BMC's certificate, if the server's policy pins the first one seen; null otherwise. */
  readonly firstFingerprint: (serial: string, signal: AbortSignal) => Promise<string | null>
}

export function probeServer({ bmcs, timing, firstFingerprint }: ProbeServerOptions): Service<'probeServer'> {
  return {
    writesBmc: false,
    perform: async ({ serial }, { signal, record, recorded }) => {
      const first = await firstFingerprint(serial, signal)
      // Durable before the password goes to the owner of this certificate; later connections refuse any other.
      if (first !== null) await record({ type: 'server.certificate.pinned', data: { fingerprint: first } })
      const fingerprint = first ?? pinnedBy(await recorded())
      const { result, elapsed_ms } = await timed(timing, () => bmcs.use(serial, (bmc) => bmc.discover({ signal })))
      return { description: descriptionData(result), fingerprint, elapsed_ms }
    },
  }
}

/** The fingerprint that an earlier performer of this probe pinned before it died. */
function pinnedBy(events: readonly StoredEvent[]): string | null {
  const event = events.find(({ type }) => type === 'server.certificate.pinned')
  return event === undefined ? null : (event.data as ServerEventData<'server.certificate.pinned'>).fingerprint
}

export type ProbeAgain = (input: { readonly jobId: string; readonly serial: string }) => Promise<void>

/**
 * Requests a probe of a server that no longer matches its last probe; otherwise every later job would discover it anew.
 * Safe to repeat: while a probe is under way it requests none.
 */
export function probeAgain({
  runtime,
  owner,
}: {
  readonly runtime: Pick<Runtime, 'commit'>
  readonly owner: string
}): ProbeAgain {
  return async ({ jobId, serial }) => {
    const stream = serverStream(serial)
    await runtime.commit({
      reads: [stream],
      cause: { actor: `controller:${owner}`, causationId: `job-${jobId}`, correlationId: jobId, trace: null },
      decide: ({ server }) => {
        const snapshot = server(serial)?.snapshot
        if (
          snapshot === undefined ||
          snapshot.matches('removed') ||
          snapshot.matches({ active: { probe: 'probing' } })
        ) {
          return []
        }
        return [{ stream, events: [{ type: 'server.probe.requested', data: {} }] }]
      },
    })
  }
}
