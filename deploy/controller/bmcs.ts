/** Clients of the registered servers' BMCs, with their sessions, their right to write, and recordings of their exchanges. */
import { type Bmcs, createBmcs } from '../../actors/bmcs/clients.ts'
import { recordLessons } from '../../actors/bmcs/lessons.ts'
import { createSessionLedgers } from '../../actors/bmcs/session-ledgers.ts'
import { startSessionReaper } from '../../actors/bmcs/session-reaper.ts'
import { type BmcWriters, createBmcWriters } from '../../actors/bmcs/writers.ts'
import type { ServerCommands } from '../../actors/commands/servers.ts'
import { createExchangeRecorder } from '../../actors/recordings/exchanges.ts'
import { createRecordingHistory } from '../../actors/recordings/history.ts'
import { createRecordings, type Recordings } from '../../actors/recordings/recordings.ts'
import type { Runtime } from '../../actors/runtime.ts'
import { realTiming } from '../../actors/timing.ts'
import { version } from '../version.ts'
import { type BmcAccessOptions, type BmcAccessor, createBmcAccess } from './bmc-access.ts'
import type { ControllerOptions } from './options.ts'
import type { Storage } from './storage.ts'

export type BmcsOptions = ControllerOptions & {
  readonly storage: Storage
  readonly runtime: Runtime
  readonly servers: ServerCommands
  readonly nextId: () => string
  readonly onRequest: BmcAccessOptions['onRequest']
}

export type BmcSide = {
  readonly bmcs: Bmcs
  readonly access: BmcAccessor['access']
  readonly firstFingerprint: BmcAccessor['firstFingerprint']
  readonly writers: BmcWriters
  readonly recordings: Recordings
}

/** Sends nothing to a BMC by itself, apart from the session reaper, which ends sessions that dead controllers left. */
export function openBmcs(options: BmcsOptions, parts: AsyncDisposableStack): BmcSide {
  const { config, log, controllerId: owner, redfishLimits: limits, timing = realTiming } = options
  const { runtime, servers, nextId, onRequest } = options
  const { vault, connections } = options.storage
  const { db } = connections
  const owning = { db, vault, owner, ttlMs: config.jobLeaseTtlMs, log }

  const history = createRecordingHistory({ db, runtime, owner })
  const recorder = createExchangeRecorder({ db, controller: owner, history, log })
  parts.defer(recorder.flush)
  const writers = createBmcWriters(owning)
  const { access, firstFingerprint, open } = createBmcAccess({
    config,
    recorder,
    mayWrite: writers.mayWrite,
    access: servers.access,
    onRequest,
    sessions: createSessionLedgers({ ...owning, nextId }),
    ...(limits === undefined ? {} : { limits }),
  })
  const bmcs = createBmcs({ access, open, log, recordLessons: recordLessons({ runtime, owner, log }) })
  parts.defer(bmcs.close)
  const sessionReaper = startSessionReaper({ ...owning, bmcs, access })
  parts.defer(sessionReaper.stop)
  const recordings = createRecordings({ ...owning, bmcs, recorder, history, access, nextId, timing, version })
  return { bmcs, access, firstFingerprint, writers, recordings }
}
