/**
 * Contents of a recipe that are allowed and yet are probably mistakes (spec/recipe.md, "Warnings"). Warnings are stored
 * with the job, so they hold no value of the recipe, like the faults.
 */
import { isTargetName, type TargetName } from '../job/targets.ts'
import { type Kickstart, readKickstart } from './kickstart.ts'
import type { Partition, Recipe, Warning, WarningCode } from './types.ts'

/** Every warning about an accepted recipe. A target without a row gets only those that hold for all targets. */
export function lintRecipe(recipe: Recipe): Warning[] {
  return [...lintImage(recipe), ...lintTarget(recipe)]
}

const lints: Readonly<Record<TargetName, (recipe: Recipe) => Warning[]>> = {
  'install-linux.target': lintLinux,
  'install-windows.target': lintWindows,
  'install-esxi.target': ({ ks_cfg: kickstart = '' }) => lintKickstart(readKickstart(kickstart)),
  'supermicro-update.target': () => [],
}

function lintTarget(recipe: Recipe): Warning[] {
  return isTargetName(recipe.task_target) ? lints[recipe.task_target](recipe) : []
}

function lintImage({ oci_url: reference }: Recipe): Warning[] {
  if (reference === undefined || reference.includes('@')) return []
  return [warn('/oci_url', 'oci_url_not_pinned', 'has no digest: the image may change between two jobs')]
}

function lintLinux({ partition_layout: layout = [] }: Recipe): Warning[] {
  const warnings: Warning[] = []
  if (!layout.some(isEsp)) warnings.push(noEsp)
  if (!layout.some(isLinuxRoot)) {
    const message = "has no root file system: ext4, xfs or btrfs with mountpoint '/' or type 8304 or 8305"
    warnings.push(warn('/partition_layout', 'no_root', message))
  }
  return warnings
}

function lintWindows({ partition_layout: layout = [], unattend_xml: answers }: Recipe): Warning[] {
  const warnings: Warning[] = []
  if (!layout.some(isEsp)) warnings.push(noEsp)
  if (!layout.some((partition) => isOfType(partition, msrTypes))) {
    warnings.push(warn('/partition_layout', 'no_msr', 'has no Microsoft reserved partition: type 0c01'))
  }
  if (!layout.some(({ format }) => format === 'ntfs')) {
    warnings.push(warn('/partition_layout', 'no_ntfs', 'has no partition with format ntfs for Windows itself'))
  }
  if (answers === undefined) {
    const message = 'is missing: Windows setup will wait for somebody to answer its questions'
    warnings.push(warn('/unattend_xml', 'no_unattend_xml', message))
  }
  return warnings
}

function lintKickstart({ commands, includesAnother }: Kickstart): Warning[] {
  if (includesAnother) return []
  const warnings: Warning[] = []
  const has = (...names: string[]) => commands.some(({ name }) => names.includes(name))
  if (!has('reboot')) {
    const message = "has no 'reboot' command: the installer waits for a key, and the job runs into its deadline"
    warnings.push(warn('/ks_cfg', 'kickstart_no_reboot', message))
  }
  // The two names are one command ("Installation and Upgrade Script Commands", VMware ESXi).
  if (!has('vmaccepteula', 'accepteula')) {
    const message = "has no 'vmaccepteula' command, which the installer requires"
    warnings.push(warn('/ks_cfg', 'kickstart_no_vmaccepteula', message))
  }
  if (!commands.some(selectsDisk)) {
    const message = "selects no disk: 'install', 'upgrade' or 'installorupgrade' with --firstdisk, --disk or --drive"
    warnings.push(warn('/ks_cfg', 'kickstart_no_disk', message))
  }
  return warnings
}

function selectsDisk({ name, options }: Kickstart['commands'][number]): boolean {
  const installs = name === 'install' || name === 'upgrade' || name === 'installorupgrade'
  return installs && options.some((option) => /^--(?:firstdisk|disk|drive)(?:=|$)/.test(option))
}

// sgdisk's codes and the GUIDs that they stand for (`sgdisk -L`; UEFI 2.10 table 5-7 for the ESP). Root is that of
// x86-64 and of 64-bit ARM.
const espTypes = ['ef00', 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b']
const msrTypes = ['0c01', 'e3c9e316-0b5c-4db8-817d-f92df00215ae']
const rootTypes = ['8304', '4f68bce3-e8cd-4db1-96e7-fbcaf984b709', '8305', 'b921b045-1df0-41c3-af44-4c6f280d3fae']

function isOfType({ type_guid: type }: Partition, types: readonly string[]): boolean {
  return types.includes(type.toLowerCase())
}

/** Firmware reads only FAT there, and a partition of another format is left without a loader. */
function isEsp(partition: Partition): boolean {
  return isOfType(partition, espTypes) && partition.format === 'vfat'
}

function isLinuxRoot(partition: Partition): boolean {
  const { format, mountpoint } = partition
  const mountable = format === 'ext4' || format === 'xfs' || format === 'btrfs'
  return mountable && (mountpoint === '/' || isOfType(partition, rootTypes))
}

const noEsp = warn('/partition_layout', 'no_esp', 'has no EFI system partition: type ef00 with format vfat')

function warn(path: string, code: WarningCode, message: string): Warning {
  return { path, code, message }
}
