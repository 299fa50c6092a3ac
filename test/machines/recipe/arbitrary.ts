/** Recipes for properties: each field is left out, right, or wrong in one of the ways people get it wrong. */
import fc from 'fast-check'
import { anyText, webUrl } from '../../rig/texts.ts'

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`

const partition = fc.record(
  {
    size: fc.constantFrom('512M', '1GiB', '2T', '10%', '40%', '60%', '100%', '0M', '101%', '512MB'),
    type_guid: fc.constantFrom('ef00', '8300', '8304', '0FC63DAF-8483-4772-8E79-3D69D8477DE4', 'esp'),
    format: fc.constantFrom('vfat', 'ext4', 'ntfs', 'swap', 'raw', 'zfs'),
    label: fc.string({ unit: 'grapheme', maxLength: 34 }),
    mountpoint: fc.constantFrom('/', '/boot/efi', '/srv', '/srv/..', 'srv', '/a//b'),
  },
  { requiredKeys: ['size', 'type_guid'] },
)

const soundPartition = fc.record(
  {
    size: fc.constantFrom('512M', '1GiB', '10%', '40%', '100%'),
    type_guid: fc.constantFrom('ef00', '8304', '8300'),
    format: fc.constantFrom('vfat', 'ext4', 'raw'),
    label: fc.constantFrom('ESP', 'root', 'données'),
    mountpoint: fc.constantFrom('/', '/srv', '/boot/efi'),
  },
  { requiredKeys: ['size', 'type_guid'] },
)

const payload = fc.oneof(fc.string(), anyText(), fc.constant('a: b\n'.repeat(60_000)))

const sound = fc.record(
  {
    schema_version: fc.constantFrom('1', '1.0', '1.12'),
    task_target: fc.constantFrom('install-linux.target', 'install-windows.target', 'install-esxi.target', 'x.target'),
    target_disk: fc.constantFrom('/dev/sda', '/dev/nvme0n1', '/dev/disk/by-id/wwn-0x5000c500a1b2c3d4'),
    oci_url: fc.constantFrom(`registry.example.com/os@${digest}`, 'localhost:5000/os/linux:1'),
    partition_layout: fc.array(soundPartition, { minLength: 1, maxLength: 4 }),
    user_data: fc.string(),
    network_config: fc.string(),
    unattend_xml: fc.string(),
    ks_cfg: fc.string({ minLength: 1 }),
    wim_index: fc.integer({ min: 1, max: 9 }),
    env: fc.dictionary(fc.constantFrom('A', 'PROXY', 'B_2'), fc.constantFrom('', 'one', 'two words')),
    metadata: fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 }),
  },
  { requiredKeys: ['task_target'] },
)

const unsound = fc.record(
  {
    schema_version: fc.constantFrom<unknown>('1', '2', '0.9', '1.', 1),
    task_target: fc.constantFrom<unknown>('install-linux.target', 'supermicro-update.target', 'a..target', 'sh', null),
    target_disk: fc.constantFrom<unknown>('/dev/vda', '/dev/sda1', '/dev/mapper/../sda', '', false),
    oci_url: fc.constantFrom<unknown>('localhost:5000/os/linux:1', 'linux', 'oci://h/os:1', 7),
    firmware_url: fc.oneof(webUrl(), fc.string()),
    firmware_sha256: fc.constantFrom<unknown>('ab'.repeat(32), 'ab'),
    partition_layout: fc.oneof(fc.array(partition, { maxLength: 5 }), fc.jsonValue()),
    user_data: fc.oneof(payload, fc.jsonValue()),
    network_config: payload,
    unattend_xml: payload,
    ks_cfg: payload,
    installer_url: fc.oneof(webUrl(), fc.string()),
    wim_index: fc.oneof(fc.double({ noNaN: true }), fc.integer()),
    env: fc.dictionary(
      fc.oneof(fc.constantFrom('A', 'JOB_ID', 'lower'), fc.string()),
      fc.oneof(fc.string(), fc.jsonValue()),
    ),
    metadata: fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue()),
    unknown: fc.jsonValue(),
    ['__proto__']: fc.jsonValue(),
  },
  { requiredKeys: [] },
)

/** Anything from a sound recipe to a heap of mistakes, as JSON has it. */
export const anyRecipe: fc.Arbitrary<unknown> = fc
  .oneof(
    sound,
    unsound,
    fc.tuple(sound, unsound).map(([right, wrong]) => ({ ...right, ...wrong })),
    fc.jsonValue(),
  )
  .map((value) => JSON.parse(JSON.stringify(value)))
