// Small maintenance ISOs as xorriso makes them, the way real ones are made.
import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runTool } from './run-tool.ts'

const uefi = ['-e', 'boot/efi.img', '-no-emul-boot']
const common = ['-iso-level', '3', '-r', '-J', '-V', 'MAINTENANCE']

/** By what they boot from, and with which partition tables. */
export const baseKinds = {
  'UEFI from CD': [...common, ...uefi, '-isohybrid-gpt-basdat'],
  'UEFI from CD and disk, the EFI image in a GPT of its own': [
    ...common,
    ...uefi,
    '-efi-boot-part',
    '--efi-boot-image',
    '--protective-msdos-label',
  ],
  'UEFI from CD and disk, with an isohybrid GPT': [
    ...common,
    '-isohybrid-mbr',
    'MBR',
    ...uefi,
    '-isohybrid-gpt-basdat',
  ],
  'UEFI from CD, without Joliet': [...common.filter((flag) => flag !== '-J'), ...uefi],
} as const satisfies Record<string, readonly string[]>

export type BaseKind = keyof typeof baseKinds

/** Makes one in a folder and answers its path. Names around `task` on both sides, and directories below directories. */
export async function makeBase(folder: string, flags: readonly string[]): Promise<string> {
  const tree = join(folder, 'tree')
  const files = {
    'boot/efi.img': createHash('sha256').update('efi').digest('hex').repeat(2000),
    'boot/grub/grub.cfg': 'search --label MAINTENANCE\n',
    'live/filesystem.squashfs': 'squashed '.repeat(20_000),
    'live/deep/er/still': 'deep\n',
    'EFI/BOOT/BOOTX64.EFI': 'MZ',
    'tasks.txt': 'a name that begins like the folder\n',
    'zz/last': 'last\n',
    'A first file': 'first\n',
  }
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(tree, path, '..'), { recursive: true })
    await writeFile(join(tree, path), text)
  }
  await writeFile(join(folder, 'mbr'), Buffer.alloc(432))
  const output = join(folder, 'maintenance.iso')
  const withMbr = flags.map((flag) => (flag === 'MBR' ? join(folder, 'mbr') : flag))
  await runTool('xorriso', ['-as', 'mkisofs', '-quiet', '-o', output, ...withMbr, tree])
  return output
}
