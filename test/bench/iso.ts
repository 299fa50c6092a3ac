/**
 * Task ISOs built per second, and bytes hashed: the product's builder against xorriso as a process, on the same files.
 *
 *   npm run bench:iso [-- --json] [--seconds 2] [--rounds 3]
 */
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCommand } from '../../deploy/run-command.ts'
import { sampleFiles, sampleIso } from '../actors/media/sample-task.ts'
import { tool } from '../debian-tools.ts'
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

const image = sampleIso()
const ways = {
  ours: () => void sampleIso(),
  'ours and its digest': () => void createHash('sha256').update(sampleIso()).digest('hex'),
  'digest alone': () => void createHash('sha256').update(image).digest('hex'),
  xorriso: async () => {
    await rm(join(folder, 'task.iso'), { force: true })
    await runCommand({ command, args, env, signal: AbortSignal.timeout(timeoutMs), timeoutMs })
  },
}
const measured: Record<keyof typeof ways, number[]> = {
  ours: [],
  'ours and its digest': [],
  'digest alone': [],
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
  table.push([way, shown(median(figures)), way === 'xorriso' ? '' : shown(median(figures) * megabytes)])
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
    },
    ratios: { 'ours/xorriso': against('ours'), 'ours and its digest/xorriso': against('ours and its digest') },
  },
  table,
)
