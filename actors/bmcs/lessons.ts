/**
 * What BMCs taught, between their clients and their servers' histories: recorded when it is more than was known, handed to
 * the next client. A lesson is a hint. One that cannot be recorded is learned again.
 */
import { isDeepStrictEqual } from 'node:util'
import { serverStream } from '../../machines/kinds.ts'
import type { LearnedData } from '../../machines/server/learned.ts'
import type { Learned } from '../../redfish/learned.ts'
import type { ResetType, Vendor } from '../../redfish/vocabulary.ts'
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
          // The lesson of a BMC that this server does not have any more.
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

export function learnedData(learned: Learned): LearnedData {
  const { insert, boot, resetsRefused, resetsListed, wantsPrecondition, sessions, basicRefused, places, ejects } =
    learned
  return {
    ...(insert === undefined ? {} : { insert: { method: insert.method, with: { ...insert.with } } }),
    ...(boot === undefined
      ? {}
      : {
          boot: {
            all_in_settings: boot.allInSettings,
            without_mode: boot.withoutMode,
            ...(boot.settingsUnused === undefined ? {} : { settings_unused: boot.settingsUnused }),
          },
        }),
    ...(resetsRefused === undefined ? {} : { resets_refused: [...resetsRefused] }),
    ...(resetsListed === undefined ? {} : { resets_listed: [...resetsListed] }),
    ...(wantsPrecondition === undefined ? {} : { wants_precondition: wantsPrecondition }),
    ...(sessions === undefined ? {} : { sessions }),
    ...(basicRefused === undefined ? {} : { basic_refused: basicRefused }),
    ...(places === undefined ? {} : { places: { ...places, managers: [...places.managers] } }),
    ...(ejects === undefined ? {} : { ejects: { ...ejects } }),
  }
}

export function learnedOf(data: LearnedData): Learned {
  const { insert, boot, resets_refused, resets_listed, wants_precondition, sessions, basic_refused, places, ejects } =
    data
  return {
    ...(insert === undefined ? {} : { insert }),
    ...(boot === undefined
      ? {}
      : {
          boot: {
            allInSettings: boot.all_in_settings,
            withoutMode: boot.without_mode,
            ...(boot.settings_unused === undefined ? {} : { settingsUnused: boot.settings_unused }),
          },
        }),
    ...(resets_refused === undefined ? {} : { resetsRefused: resets_refused as ResetType[] }),
    ...(resets_listed === undefined ? {} : { resetsListed: resets_listed as ResetType[] }),
    ...(wants_precondition === undefined ? {} : { wantsPrecondition: wants_precondition }),
    ...(sessions === undefined ? {} : { sessions }),
    ...(basic_refused === undefined ? {} : { basicRefused: basic_refused }),
    ...(places === undefined ? {} : { places: { ...places, vendor: places.vendor as Vendor } }),
    ...(ejects === undefined ? {} : { ejects }),
  }
}
