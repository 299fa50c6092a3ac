/**
 * The starts and ends of recordings in their servers' histories, with the requester and the reason of the end. A dead
 * controller ends none: the recording is in the database, and the controller that uses the BMC next goes on with it.
 *
 * An end is recorded first and then marked: at least once. A crash in between has it recorded twice, with the same
 * `recording_id`.
 */
import { countExchanges, markEnded, type RecordingRow } from '../../eventstore/ledgers/bmc-recordings.ts'
import type { Database } from '../../eventstore/postgres/database.ts'
import { serverStream } from '../../machines/kinds.ts'
import type { RecordingEnd } from '../../machines/server/events.ts'
import { registered } from '../commands/registered.ts'
import { causeOf, type Requester } from '../commands/requester.ts'
import type { Cause, Runtime } from '../runtime.ts'

export type RecordingHistory = {
  /** @throws Refused unknown_server. */
  readonly started: (serial: string, id: string, requester: Requester) => Promise<void>
  /** Records the end of a recording that has not ended yet, and keeps no more of it. */
  readonly ended: (recording: RecordingRow, reason: RecordingEnd, requester: Requester | null) => Promise<void>
}

/** Records starts and ends of recordings as events of their servers. */
export function createRecordingHistory(options: {
  readonly db: Database
  readonly runtime: Pick<Runtime, 'commit'>
  /** The controller, as the cause of ends that no requester asked for. */
  readonly owner: string
}): RecordingHistory {
  const { db, runtime, owner } = options
  const own: Cause = { actor: `controller:${owner}`, causationId: null, correlationId: null, trace: null }
  return {
    started: async (serial, id, requester) => {
      const stream = serverStream(serial)
      await runtime.commit({
        reads: [stream],
        cause: causeOf(requester, null),
        decide: ({ server }) => {
          registered(server(serial), serial)
          return [{ stream, events: [{ type: 'server.recording.started', data: { recording_id: id } }] }]
        },
      })
    },
    ended: async ({ id, serial, lost, endedReason }, reason, requester) => {
      if (endedReason !== null) return
      const stream = serverStream(serial)
      const data = { recording_id: id, reason, exchanges: await countExchanges(db, id), lost }
      await runtime.commit({
        reads: [stream],
        cause: requester === null ? own : causeOf(requester, null),
        decide: ({ server }) =>
          server(serial) === null ? [] : [{ stream, events: [{ type: 'server.recording.ended', data }] }],
      })
      await markEnded(db, id, reason)
    },
  }
}
