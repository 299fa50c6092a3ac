/**
 * Mounts the two media. Safe to repeat: the client empties the slot, inserts a URL that is new with every attempt, and
 * reads back until the slot shows it. BMCs have been seen to report an old image as inserted.
 */
import { BmcError, problemOf } from '../../redfish/failure.ts'
import type { Bmcs } from '../bmcs/clients.ts'
import { StepFailure } from '../failure.ts'
import { redactMediaTokens } from '../media/access/redaction.ts'
import { type MediaSigning, mediaUrl } from '../media/access/signing.ts'
import type { ImageStore } from '../media/files/store.ts'
import { maintenanceIsoName, type TaskMedia } from '../media/task-media.ts'
import type { Service, ServiceContext } from '../service.ts'
import type { Timing } from '../timing.ts'

export type MountOptions = {
  readonly bmcs: Bmcs
  readonly signing: MediaSigning
  readonly publicUrl: string
  readonly timing: Timing
}

export type MaintenanceOptions = MountOptions & {
  readonly images: ImageStore
  /** The configured maintenance ISO on another server; null: `maintenanceIsoName` of the image directory. */
  readonly maintenanceIsoUrl: string | null
}

export function mountMaintenance(options: MaintenanceOptions): Service<'mountMaintenance'> {
  const { images, signing, publicUrl, maintenanceIsoUrl } = options
  const urlFor = async (jobId: string, attempt: number): Promise<string> => {
    if ((await images.open(maintenanceIsoName)) === null) {
      const message = `there is no ${maintenanceIsoName} in the image directory and no MAINTENANCE_ISO_URL is set`
      throw new StepFailure({ kind: 'no-maintenance-iso', message })
    }
    return mediaUrl({ publicUrl, path: signing.imagePath({ jobId, attempt, name: maintenanceIsoName }) })
  }
  return {
    writesBmc: true,
    perform: async ({ jobId, serial, slot, url }, context) => {
      const image = url ?? maintenanceIsoUrl ?? (await urlFor(jobId, context.attempt))
      return mount(options, { serial, slot, image }, context)
    },
  }
}

export function mountTask({
  bmcs,
  signing,
  publicUrl,
  timing,
  media,
}: MountOptions & { readonly media: TaskMedia }): Service<'mountTask'> {
  return {
    writesBmc: true,
    perform: async ({ jobId, serial, slot, sha256, form = 'iso' }, context) => {
      await media.ensure({ jobId, serial, form, sha256 })
      const path = signing.taskPath({ jobId, sha256, form, attempt: context.attempt })
      return mount({ bmcs, timing }, { serial, slot, image: mediaUrl({ publicUrl, path }) }, context)
    },
  }
}

/** Retries span a replacement of all controllers: meanwhile no process serves the image. */
const [insertsMax, retryDelayMs] = [6, 5000] as const

async function mount(
  { bmcs, timing }: Pick<MountOptions, 'bmcs' | 'timing'>,
  medium: { readonly serial: string; readonly slot: string; readonly image: string },
  { signal }: ServiceContext<'job'>,
) {
  const { serial, slot, image } = medium
  const insert = async (tries: number) => {
    try {
      return await bmcs.use(serial, (bmc) => bmc.insertMedia({ slot, image }, { signal }))
    } catch (error) {
      if (tries >= insertsMax || !couldNotReachImage(error)) throw error
      return null
    }
  }
  let result = await insert(1)
  for (let tries = 2; result === null; tries += 1) {
    await timing.delay(retryDelayMs, signal)
    result = await insert(tries)
  }
  return {
    attempts: result.attempts,
    elapsed_ms: result.elapsedMs,
    slot,
    image: redactMediaTokens(image),
    inserted: result.confirmed.inserted,
    connected_via: result.confirmed.connectedVia,
    also_ejected: [...result.alsoEjected],
  }
}

function couldNotReachImage(error: unknown): boolean {
  return error instanceof BmcError && problemOf(error.failure) === 'image-unreachable'
}
