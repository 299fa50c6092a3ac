/**
 * Lessons of BMCs, between their clients and their servers' histories: a lesson is recorded when it differs from the known
 * one, and handed to the next client. It is a hint. One that cannot be recorded is learned again.
 */
import { isDeepStrictEqual } from 'node:util'
import camelcaseKeys from 'camelcase-keys'
import snakecaseKeys from 'snakecase-keys'
import { serverStream } from '../../machines/kinds.ts'
import type { LearnedData } from '../../machines/server/learned.ts'
import type { Learned } from '../../redfish/learned.ts'
import type { Log } from '../log.ts'
import type { Runtime } from '../runtime.ts'

export type LessonsOptions = { readonly runtime: Pick<Runtime, 'commit'>; readonly owner: string; readonly log: Log }

/** Records what a client of a server's BMC at this address has learned. Never rejects. */
export type RecordLessons = (serial: string, address: string, learned: Learned) => Promise<void>

export function recordLessons({ runtime, owner, log }: LessonsOptions): RecordLessons {
  return async (serial, address, learned) => {
    const stream = serverStream(serial)
    const data = learnedData(learned)
    try {
      await runtime.commit({
        reads: [stream],
        cause: { actor: `controller:${owner}`, causationId: null, correlationId: null, trace: null },
        decide: ({ server }) => {
          const snapshot = server(serial)?.snapshot
          if (snapshot === undefined || snapshot.matches('removed')) return []
          const { bmcAddress, learned: known, jobId } = snapshot.context
          // A lesson counts only for the BMC that this server has now.
          if (bmcAddress !== address || isDeepStrictEqual(known, data)) return []
          return [{ stream, events: [{ type: 'bmc.capability.learned', data: { learned: data, job_id: jobId } }] }]
        },
      })
    } catch (error) {
      log.warn(
        { err: error, server_serial: serial },
        'what a BMC taught could not be recorded; it will be learned again',
      )
    }
  }
}

/** A lesson as events keep it. The members of `insert.with` and `ejects` are the BMC's own names and paths. */
export function learnedData(learned: Learned): LearnedData {
  return snakecaseKeys(learned, {
    shouldRecurse: (name: string) => name !== 'with' && name !== 'ejects',
  }) as LearnedData
}

/** The lesson that an event keeps. */
export function learnedOf(data: LearnedData): Learned {
  return camelcaseKeys(data, { deep: true, stopPaths: ['insert.with', 'ejects'] }) as Learned
}
