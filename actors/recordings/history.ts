/**
 * The starts and ends of recordings in their servers' histories, with the requester and the reason of the end. A
 * recording survives a dead controller: it is in the database, and the next controller that uses the BMC continues it.
 *
 * The event of an end is appended first and the row marked after it: at-least-once. After a crash in between, the
 * history has the end twice, with the same `recording_id`.
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
  /** Records the end of a running recording, and marks its row as ended. Does nothing for one that has ended. */
  readonly ended: (recording: RecordingRow, reason: RecordingEnd, requester: Requester | null) => Promise<void>
}

/** Records starts and ends of recordings as events of their servers. */
export function createRecordingHistory(options: {
  readonly db: Database
  readonly runtime: Pick<Runtime, 'commit'>
  /** The controller, as the cause of ends without a requester. */
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
