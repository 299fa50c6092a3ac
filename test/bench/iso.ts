/**
 * Task media built per second, and bytes hashed, on the same files: the ISO against xorriso as a process, the FAT image
 * against mtools as processes; and the overlay over a maintenance ISO of 1 GB, which is sparse here but read in full.
 *
 *   npm run bench:iso [-- --json] [--seconds 2] [--rounds 3]
 */
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { imageStore, taskStore } from '../../actors/media/files/store.ts'
import { mergedMedia } from '../../actors/media/merged-media.ts'
import { runCommand } from '../../deploy/local/run-command.ts'
import { baseKinds, makeBase } from '../actors/media/rig/base-iso.ts'
import { sampleFiles, sampleImg, sampleIso, sampleJobId } from '../actors/media/rig/sample-task.ts'
import { tool } from '../rig/debian-tools.ts'
import { median, numberFlag, print, shown } from './report.ts'

const seconds = numberFlag('seconds', 2)
const rounds = numberFlag('rounds', 3)
const timeoutMs = 60_000

/** Builds until the time is over; per second. */
async function perSecond(build: () => unknown): Promise<number> {
  const startedAt = performance.now()
  let builds = 0
  do {
    await build()
    builds += 1
  } while (performance.now() - startedAt < seconds * 1000)
  return (builds * 1000) / (performance.now() - startedAt)
}

const folder = await mkdtemp(join(tmpdir(), 'provisioner-bench-iso-'))
const content = join(folder, 'content')
await mkdir(content)
for (const { path, bytes } of sampleFiles) await writeFile(join(content, path.slice(1)), bytes)
const { command, env } = await tool('xorriso')
const args = ['-as', 'mkisofs', '-quiet', '-J', '-R', '-V', 'TASK', '-o', join(folder, 'task.iso'), content]

/** Makes an image and copies the files into it: what mtools need two processes for. */
const [mformat, mcopy] = await Promise.all([tool('mformat'), tool('mcopy')])
const img = join(folder, 'task.img')
const mtools = async () => {
  const signal = AbortSignal.timeout(timeoutMs)
  await rm(img, { force: true })
  const geometry = ['-T', '8192', '-h', '64', '-s', '32']
  await runCommand({ ...mformat, args: ['-C', '-i', img, ...geometry, '-v', 'TASK', '::'], signal, timeoutMs })
  const sources = sampleFiles.map(({ path }) => join(content, path.slice(1)))
  await runCommand({ ...mcopy, args: ['-i', img, ...sources, '::'], signal, timeoutMs })
}

const baseBytes = 1_000_000_000
const images = join(folder, 'images')
await mkdir(images)
const base = await makeBase(images, baseKinds['UEFI from CD'])
await truncate(base, baseBytes)
const merging = { baseName: 'maintenance.iso', files: sampleFiles, timestamp: new Date(0), paddingSectors: 150 }
const newMedia = () => mergedMedia({ tasks: taskStore(join(folder, 'tasks')), images: imageStore(images) })
const media = newMedia()

const image = sampleIso()
const ways = {
  ours: () => void sampleIso(),
  'ours and its digest': () => void createHash('sha256').update(sampleIso()).digest('hex'),
  'digest alone': () => void createHash('sha256').update(image).digest('hex'),
  'our FAT image': () => void sampleImg(),
  mtools,
  'overlay stored, base known': () => media.build(sampleJobId, merging),
  'overlay stored, base of 1 GB read first': () => newMedia().build(sampleJobId, merging),
  xorriso: async () => {
    await rm(join(folder, 'task.iso'), { force: true })
    await runCommand({ command, args, env, signal: AbortSignal.timeout(timeoutMs), timeoutMs })
  },
}
const measured: Record<keyof typeof ways, number[]> = {
  ours: [],
  'ours and its digest': [],
  'digest alone': [],
  'our FAT image': [],
  mtools: [],
  'overlay stored, base known': [],
  'overlay stored, base of 1 GB read first': [],
  xorriso: [],
}
try {
  for (const build of Object.values(ways)) await build()
  for (let round = 0; round < rounds; round += 1)
    for (const way of Object.keys(ways) as (keyof typeof ways)[]) measured[way].push(await perSecond(ways[way]))
} finally {
  await rm(folder, { recursive: true, force: true })
}

const megabytes = image.byteLength / 1e6
const table = [['way', 'per second', 'MB per second']]
for (const [way, figures] of Object.entries(measured))
  table.push([way, shown(median(figures)), /^(?:ours|digest)/.test(way) ? shown(median(figures) * megabytes) : ''])
const against = (way: keyof typeof ways) =>
  median(measured[way].map((figure, round) => figure / (measured.xorriso[round] ?? Number.NaN)))
print(
  {
    bench: 'iso',
    figures: {
      'image.bytes': image.byteLength,
      'ours.builds_per_second': median(measured.ours),
      'ours.built_and_hashed_per_second': median(measured['ours and its digest']),
      'ours.hashed_bytes_per_second': median(measured['digest alone']) * image.byteLength,
      'xorriso.builds_per_second': median(measured.xorriso),
      'img.builds_per_second': median(measured['our FAT image']),
      'mtools.builds_per_second': median(measured.mtools),
      'merged.builds_per_second': median(measured['overlay stored, base known']),
      'merged.first_builds_per_second': median(measured['overlay stored, base of 1 GB read first']),
    },
    ratios: { 'ours/xorriso': against('ours'), 'ours and its digest/xorriso': against('ours and its digest') },
  },
  table,
)
