/** Asks for a probe of a server that is not as its last probe described it: every later job would discover it anew. */
import { serverStream } from '../../machines/kinds.ts'
import type { Runtime } from '../runtime.ts'

export type ProbeAgain = (input: { readonly jobId: string; readonly serial: string }) => Promise<void>

/** Safe to repeat: one that is under way is not asked for again. */
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
