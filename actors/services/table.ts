/** Every service under the name by which machines ask for it. */
import type { Bmcs } from '../bmcs.ts'
import type { MediaSigning } from '../media/signing.ts'
import type { ImageStore, TaskStore } from '../media/store.ts'
import type { Runtime } from '../runtime.ts'
import type { ServerCommands } from '../servers.ts'
import type { ServiceTable } from '../service.ts'
import type { Timing } from '../timing.ts'
import { admitJob } from './admit-job.ts'
import { clearBootOverride, setBootOverride } from './boot-override.ts'
import { buildIso, createIsoBuilder, type IsoBuilderOptions } from './build-iso.ts'
import { discover } from './discover.ts'
import { mountMaintenance, mountTask, rebuildIso } from './mount.ts'
import { pollHost } from './poll-host.ts'
import { powerOffHost, powerOnHost, switchPower } from './power.ts'
import { probeServer } from './probe-server.ts'
import { releaseServer } from './release-server.ts'
import { resetHost } from './reset-host.ts'
import { cleanUpServer, unmountMedia } from './unmount-media.ts'

export type ServiceTableOptions = {
  readonly runtime: Runtime
  readonly bmcs: Bmcs
  readonly access: ServerCommands['access']
  readonly firstFingerprint: (serial: string, signal: AbortSignal) => Promise<string | null>
  readonly store: TaskStore
  readonly images: ImageStore
  readonly signing: MediaSigning
  readonly iso: IsoBuilderOptions
  readonly timing: Timing
  readonly owner: string
  readonly redfishMode: 'http' | 'noop'
  readonly maintenanceIsoUrl: string | null
}

export function createServiceTable(options: ServiceTableOptions): ServiceTable {
  const { runtime, bmcs, store, timing } = options
  const { publicUrl } = options.iso
  const build = createIsoBuilder(options.iso)
  const contextOf = async (jobId: string) => {
    const actor = await runtime.read('job', jobId)
    if (actor === null) throw new Error(`job ${jobId} asked for an effect but has no history`)
    return actor.snapshot.context
  }
  return {
    admitJob: admitJob(options),
    buildIso: buildIso({ build, store, timing }),
    discover: discover({ bmcs, timing }),
    mountMaintenance: mountMaintenance({ ...options, publicUrl }),
    mountTask: mountTask({ ...options, publicUrl, build: rebuildIso({ build, recipeOf: contextOf }) }),
    setBootOverride: setBootOverride({ bmcs }),
    resetHost: resetHost({ bmcs, timing, mediaReadsOf: async (jobId) => (await contextOf(jobId)).mediaReads }),
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
