/**
 * The loops that move jobs on: effects are performed, deadlines fall due, a sweep finds what stands still, and views of an
 * older version are made anew.
 */
import { startDeadlines } from '../../actors/deadlines.ts'
import { redactMediaTokens } from '../../actors/media/access/redaction.ts'
import { type Performer, type PerformerOptions, startPerformer } from '../../actors/performer/leasing.ts'
import type { Runtime } from '../../actors/runtime.ts'
import { createServiceTable } from '../../actors/services/table.ts'
import { type SweepStatus, startSweep } from '../../actors/sweep.ts'
import { realTiming } from '../../actors/timing.ts'
import { startViewRenewal } from '../../eventstore/upkeep/outdated-views.ts'
import type { BmcSide } from './bmcs.ts'
import type { Media } from './media.ts'
import type { ControllerOptions } from './options.ts'
import type { Storage } from './storage.ts'

export type WorkOptions = ControllerOptions & {
  readonly storage: Storage
  readonly runtime: Runtime
  readonly bmcSide: BmcSide
  readonly media: Media
  readonly publicUrl: string
  readonly onFinished: NonNullable<PerformerOptions['onFinished']>
}

export type Work = { readonly performer: Performer; readonly sweep: { readonly status: () => SweepStatus } }

export function startWork(options: WorkOptions, parts: AsyncDisposableStack): Work {
  const { config, log, controllerId: owner, onSeam, timing = realTiming } = options
  const { storage, runtime, bmcSide, media, publicUrl, onFinished } = options
  const { notifications, connections } = storage
  const { db } = connections
  const { bmcs, access, firstFingerprint, writers } = bmcSide
  const { images, signing, maintenanceIsoUrl } = media

  const services = createServiceTable({
    runtime,
    bmcs,
    access,
    firstFingerprint,
    media: media.tasks,
    images,
    signing,
    publicUrl,
    timing,
    owner,
    redfishMode: config.redfishMode,
    maintenanceIsoUrl,
  })
  const performer = startPerformer({
    db,
    runtime,
    notifications,
    services,
    writers,
    log,
    owner,
    concurrencyMax: config.workerConcurrency,
    leaseTtlMs: config.jobLeaseTtlMs,
    forgetRead: bmcs.forgetRead,
    redact: redactMediaTokens,
    onFinished,
    ...(onSeam === undefined ? {} : { onSeam }),
  })
  parts.defer(performer.stop)
  const deadlines = startDeadlines({ db, runtime, notifications, log })
  parts.defer(deadlines.stop)
  const sweep = startSweep({ db, runtime, log, leaseTtlMs: config.jobLeaseTtlMs })
  parts.defer(sweep.stop)
  const viewRenewal = startViewRenewal({
    db,
    onRenewed: (rows) => log.info({ rows }, 'views that an older version had written were made anew'),
    onFailure: (stream, error) => log.warn({ err: error, stream }, 'an outdated view could not be made anew'),
  })
  parts.defer(viewRenewal.stop)
  return { performer, sweep }
}
