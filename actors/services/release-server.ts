/** Releases the server for the next job. Safe to repeat: it leaves a server that this job no longer holds unchanged. */
import { serverStream } from '../../machines/kinds.ts'
import type { Runtime } from '../runtime.ts'
import type { Service } from '../service.ts'

export function releaseServer({
  runtime,
  owner,
}: {
  readonly runtime: Runtime
  readonly owner: string
}): Service<'releaseServer'> {
  return {
    writesBmc: false,
    perform: async ({ jobId, serial, outcome, cleanup, slots, powerOn }) => {
      const stream = serverStream(serial)
      await runtime.commit({
        reads: [stream],
        cause: { actor: `controller:${owner}`, causationId: `job-${jobId}`, correlationId: jobId, trace: null },
        decide: ({ server }) => {
          if (server(serial)?.snapshot.context.jobId !== jobId) return []
          return [
            {
              stream,
              events: [
                { type: 'server.released', data: { job_id: jobId, outcome, cleanup, slots, power_on: powerOn } },
              ],
            },
          ]
        },
      })
      return {}
    },
  }
}
