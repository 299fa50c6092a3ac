/** Every service, under the name that machines request it by. */

import type { BmcAccess } from '../bmcs/access.ts'
import type { Bmcs } from '../bmcs/clients.ts'
import type { MediaSigning } from '../media/access/signing.ts'
import type { ImageStore } from '../media/files/store.ts'
import type { TaskMedia } from '../media/task-media.ts'
import { jobContext, type Runtime } from '../runtime.ts'
import type { ServiceTable } from '../service.ts'
import type { Timing } from '../timing.ts'
import { admitJob } from './admit-job.ts'
import { clearBootOverride, setBootOverride } from './boot-override.ts'
import { buildIso, buildMedium } from './build-iso.ts'
import { discover } from './discover.ts'
import { mountMaintenance, mountTask } from './mount.ts'
import { pollHost } from './poll-host.ts'
import { powerOffHost, powerOnHost, switchPower } from './power.ts'
import { probeAgain, probeServer } from './probe-server.ts'
import { releaseServer } from './release-server.ts'
import { resetHost } from './reset-host.ts'
import { cleanUpServer, unmountMedia } from './unmount-media.ts'

export type ServiceTableOptions = {
  readonly runtime: Runtime
  readonly bmcs: Bmcs
  readonly access: (serial: string) => Promise<BmcAccess>
  readonly firstFingerprint: (serial: string, signal: AbortSignal) => Promise<string | null>
  readonly media: TaskMedia
  readonly images: ImageStore
  readonly signing: MediaSigning
  /** The URL at which BMCs reach media. */
  readonly publicUrl: string
  readonly timing: Timing
  readonly owner: string
  readonly redfishMode: 'http' | 'noop'
  readonly maintenanceIsoUrl: string | null
}

export function createServiceTable(options: ServiceTableOptions): ServiceTable {
  const { runtime, bmcs, media, timing } = options
  return {
    admitJob: admitJob(options),
    buildIso: buildIso({ media, timing }),
    buildMedium: buildMedium({ media, timing }),
    discover: discover({
      bmcs,
      timing,
      descriptionOf: async (serial) => (await runtime.read('server', serial))?.snapshot.context.description ?? null,
      probeAgain: probeAgain(options),
    }),
    mountMaintenance: mountMaintenance(options),
    mountTask: mountTask(options),
    setBootOverride: setBootOverride({ bmcs }),
    resetHost: resetHost({
      bmcs,
      timing,
      mediaReadsOf: async (jobId) => (await jobContext(runtime, jobId)).mediaReads,
    }),
    pollHost: pollHost({ bmcs, timing }),
    powerOffHost: powerOffHost({ bmcs }),
    unmountMedia: unmountMedia({ bmcs }),
    clearBootOverride: clearBootOverride({ bmcs }),
    powerOnHost: powerOnHost({ bmcs }),
    releaseServer: releaseServer(options),
    probeServer: probeServer(options),
    switchPower: switchPower({ bmcs }),
    cleanUpServer: cleanUpServer({ bmcs }),
  }
}
