// Images made by xorriso, which shares no code with the reader under test.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { tool } from '../../../rig/debian-tools.ts'
import { patienceMs } from '../../../rig/patience.ts'

const run = promisify(execFile)

export type IsoContent = {
  readonly files: Readonly<Record<string, Uint8Array | string>>
  readonly volumeId?: string
  readonly rockRidge?: boolean
}

export async function makeIso({ files, volumeId = 'TEST', rockRidge = true }: IsoContent): Promise<Buffer> {
  const { command, env } = await tool('xorriso')
  const folder = await mkdtemp(join(tmpdir(), 'simulator-iso-'))
  try {
    for (const [path, content] of Object.entries(files)) {
      const target = join(folder, 'tree', path)
      await mkdir(dirname(target), { recursive: true })
      await writeFile(target, content)
    }
    const names = rockRidge ? ['-R'] : ['--norock', '-iso-level', '3']
    const image = join(folder, 'image.iso')
    const args = ['-as', 'mkisofs', '-quiet', '-V', volumeId, ...names, '-o', image, join(folder, 'tree')]
    await run(command, args, { env, timeout: patienceMs })
    return await readFile(image)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
