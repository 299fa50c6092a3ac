/** What is accepted and yet worth a word. */
import { describe, expect, test } from 'vitest'
import { parseRecipe } from '../../../machines/recipe/parse.ts'
import type { Recipe } from '../../../machines/recipe/types.ts'
import { recipeFixture } from './fixture.ts'

/** The codes of the warnings on a recipe that must be an accepted one. */
function warnings(recipe: Recipe): string[] {
  const result = parseRecipe(JSON.stringify(recipe))
  if (!result.ok) throw new Error(JSON.stringify(result.faults))
  return result.warnings.map(({ code }) => code)
}

const esp = { size: '512M', type_guid: 'ef00', format: 'vfat' } as const
const msr = { size: '16M', type_guid: '0c01' } as const
const root = { size: '100%', type_guid: '8300', format: 'ext4', mountpoint: '/' } as const
const windows = { size: '100%', type_guid: '0700', format: 'ntfs' } as const

test('an image without a digest may change', () => {
  expect(warnings({ ...recipeFixture('linux'), oci_url: 'registry.example.com/os/ubuntu:24.04' })).toEqual([
    'oci_url_not_pinned',
  ])
})

test('a target that is not known here has only the warnings for all', () => {
  expect(warnings({ task_target: 'custom.target', oci_url: 'registry.example.com/os:1' })).toEqual([
    'oci_url_not_pinned',
  ])
})

describe('Linux', () => {
  test.each([
    ['with ESP and root', [esp, root], []],
    ['with an ESP by GUID', [{ ...esp, type_guid: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B' }, root], []],
    ['with a root by type', [esp, { size: '100%', type_guid: '8304', format: 'xfs' }], []],
    ['without an ESP', [root], ['no_esp']],
    ['with an ESP that firmware cannot read', [{ ...esp, format: 'ext4' }, root], ['no_esp']],
    ['without a root', [esp, { ...root, mountpoint: '/srv' }], ['no_root']],
    ['with a root that nothing formats', [esp, { size: '100%', type_guid: '8304', mountpoint: '/' }], ['no_root']],
    ['with neither', [{ size: '100%', type_guid: 'fd00' }], ['no_esp', 'no_root']],
  ] as const)('%s', (_, layout, expected) => {
    expect(warnings({ ...recipeFixture('linux'), partition_layout: layout })).toEqual(expected)
  })
})

describe('Windows', () => {
  test.each([
    ['with all three partitions', [esp, msr, windows], []],
    ['without an ESP', [msr, windows], ['no_esp']],
    ['without an MSR', [esp, windows], ['no_msr']],
    ['without an NTFS', [esp, msr], ['no_ntfs']],
  ] as const)('%s', (_, layout, expected) => {
    expect(warnings({ ...recipeFixture('windows'), partition_layout: layout })).toEqual(expected)
  })

  test('without a layout and without answers', () => {
    const { partition_layout: _, unattend_xml: __, ...bare } = recipeFixture('windows')
    expect(warnings(bare)).toEqual(['no_esp', 'no_msr', 'no_ntfs', 'no_unattend_xml'])
  })
})

describe('an ESXi kickstart', () => {
  const all = ['kickstart_no_reboot', 'kickstart_no_vmaccepteula', 'kickstart_no_disk']

  test.each([
    ['with all commands', 'vmaccepteula\ninstall --firstdisk\nreboot\n', []],
    [
      'with their other names and Windows line ends',
      'accepteula\r\n  installorupgrade --disk=naa.5\r\nreboot --noeject\r\n',
      [],
    ],
    ['with a disk as a word of its own', 'vmaccepteula\ninstall --disk mpx.vmhba1 --overwritevmfs\nreboot', []],
    ['without reboot', 'vmaccepteula\ninstall --firstdisk=local\n', ['kickstart_no_reboot']],
    ['that reboots in a script only', 'vmaccepteula\ninstall --firstdisk\n%post\nreboot\n', ['kickstart_no_reboot']],
    ['that accepts in a comment only', '# vmaccepteula\ninstall --firstdisk\nreboot\n', ['kickstart_no_vmaccepteula']],
    [
      'that clears a disk and selects none',
      'vmaccepteula\nclearpart --firstdisk\ninstall\nreboot\n',
      ['kickstart_no_disk'],
    ],
    ['with nothing to the point', 'keyboard German\n', all],
    ['that includes another file, which may hold the rest', 'vmaccepteula\n%include /tmp/disk.cfg\n%pre\nexit 0\n', []],
  ])('%s', (_, kickstart, expected) => {
    expect(warnings({ ...recipeFixture('esxi'), ks_cfg: kickstart })).toEqual(expected)
  })
})
