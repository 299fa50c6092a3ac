/** What a controller's storage needs before a job can run. */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildIso } from '../../../actors/media/task-iso.ts'
import { maintenanceIsoName } from '../../../actors/media/task-media.ts'

/** Puts something that a simulated host boots from where the maintenance ISO is looked for. */
export async function writeMaintenanceIso(storage: string): Promise<void> {
  await mkdir(join(storage, 'images'), { recursive: true })
  const files = [{ path: '/readme.txt', bytes: Buffer.from('stands in for the maintenance ISO\n') }]
  const image = buildIso({ volumeId: 'MAINTENANCE', timestamp: new Date(0), files })
  await writeFile(join(storage, 'images', maintenanceIsoName), image)
}

/** A folder for one controller, with the images that it serves. */
export async function storageFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'provisioner-e2e-'))
  await writeMaintenanceIso(folder)
  return folder
}
