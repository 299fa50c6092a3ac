/** What each field may hold, and which target needs which. */
import { describe, expect, test } from 'vitest'
import { custom, faults } from './faults.ts'

describe('each target needs its own', () => {
  test.each([
    ['install-linux.target', ['target_disk', 'oci_url', 'partition_layout']],
    ['install-windows.target', ['target_disk', 'oci_url']],
    ['install-esxi.target', ['ks_cfg']],
    ['supermicro-update.target', ['firmware_url']],
    ['rescue-shell.target', []],
  ])('%s needs %j', (target, needed) => {
    expect(faults({ task_target: target })).toEqual(needed.map((field) => [`/${field}`, 'required']))
  })

  test('a field that is needed for two reasons is missed once', () => {
    const recipe = { task_target: 'supermicro-update.target', firmware_sha256: 'a'.repeat(64) }
    expect(faults(recipe)).toEqual([['/firmware_url', 'required']])
  })
})

describe('a value is judged by its form', () => {
  const digest = 'a'.repeat(64)
  const forms: { field: string; right: unknown[]; wrong: unknown[] }[] = [
    { field: 'schema_version', right: ['1', '1.0', '1.27'], wrong: ['', '0', '2', '10', '1.', '1.x', '1.01', 'v1'] },
    {
      field: 'task_target',
      right: ['rescue-shell.target', 'a.target', 'site.rescue-2.target'],
      wrong: ['', '.target', 'install-linux', 'Install.target', 'a/b.target', '-x.target', 'a..target', 'a.target\n'],
    },
    {
      field: 'target_disk',
      right: [
        ...['/dev/sda', '/dev/sdaa', '/dev/vdb', '/dev/hda', '/dev/nvme0n1', '/dev/nvme10n2', '/dev/md127'],
        ...['/dev/mapper/mpatha', '/dev/mapper/3600508b400105e210000900000490000'],
        ...['/dev/disk/by-id/wwn-0x5000c500a1b2c3d4', '/dev/disk/by-id/nvme-eui.0025385b01000001'],
      ],
      wrong: [
        ...['', 'sda', '/dev/', '/dev/sda1', '/dev/nvme0', '/dev/nvme0n1p1', '/dev/md0p1', '/dev/loop0', '/dev/sda\n'],
        ...['/dev/mapper/', '/dev/mapper/..', '/dev/mapper/../sda', '/dev/mapper/a..b', '/dev/mapper/a/b'],
        ...['/dev/mapper/control', '/dev/mapper/mpatha1', '/dev/mapper/mpathap2', '/dev/mapper/3600508b4p1'],
        ...[
          '/dev/disk/by-id/ata-disk-part1',
          '/dev/disk/by-id/../../sda',
          '/dev/disk/by-path/x',
          '\\\\.\\PhysicalDrive0',
        ],
      ],
    },
    {
      field: 'oci_url',
      right: [
        ...['registry.example.com/os/ubuntu:24.04', 'localhost:5000/os:1', '192.0.2.1/os:1', '[2001:db8::1]:5000/os:1'],
        ...[`registry.example.com/os@sha256:${digest}`, `registry.example.com/a/b_c/d--e:1.0_x@sha256:${digest}`],
      ],
      wrong: [
        ...[
          '',
          'ubuntu:24.04',
          'registry.example.com/os',
          'https://registry.example.com/os:1',
          'h/OS:1',
          'h/os:',
          'h/os@',
        ],
        ...['user:word@registry.example.com/os:1', 'h/../os:1', 'h//os:1', `h/os@sha256:${'a'.repeat(63)}`, 'h/os:1 '],
        `h/${'a/'.repeat(100_000)}os:1`.slice(0, 1000),
      ],
    },
    {
      field: 'firmware_url',
      right: ['https://files.example.com/a.bin', 'http://192.0.2.1:8080/a%20b?x=1#y', 'http://[2001:db8::1]/a'],
      wrong: ['', 'a.bin', 'file:///etc/shadow', 'ftp://h/a', 'https://', 'http://h/a b', 'http://h/\n', 'http://h\\a'],
    },
    { field: 'firmware_sha256', right: [digest, 'A'.repeat(64)], wrong: ['', 'a'.repeat(63), `sha256:${digest}`] },
    { field: 'wim_index', right: [1, 4, 65535], wrong: [0, -1, 1.5, 65536, '1', null] },
    {
      field: 'installer_url',
      right: ['https://h/esxi.iso', 'nfs://h/esxi.iso', 'cifs://h/s/e.iso'],
      wrong: ['/esxi.iso'],
    },
    { field: 'user_data', right: ['', '#cloud-config\n', 'é'], wrong: [null, 1, [], {}] },
    {
      field: 'env',
      right: [{}, { A: '' }, { A_1: 'tab\tallowed' }],
      wrong: [{ a: '' }, { _A: '' }, { A: 'a\nB=c' }, []],
    },
    { field: 'metadata', right: [{}, { a: null, '': [1, { b: true }] }], wrong: ['', [], null] },
    { field: 'surprise', right: [], wrong: [1] },
    { field: 'constructor', right: [], wrong: [1] },
  ]
  const base = { task_target: 'custom.target', firmware_url: 'https://files.example.com/a.bin' }

  test.each(forms.flatMap(({ field, right }) => right.map((value) => ({ field, value }))))(
    '$field may be $value',
    ({ field, value }) => {
      expect(faults({ ...base, [field]: value })).toEqual([])
    },
  )

  test.each(forms.flatMap(({ field, wrong }) => wrong.map((value) => ({ field, value }))))(
    '$field may not be $value',
    ({ field, value }) => {
      const found = faults({ ...base, [field]: value })
      expect(found).toHaveLength(1)
      expect(found[0]?.[0].startsWith(`/${field}`)).toBe(true)
    },
  )
})

describe('a partition is judged by its form', () => {
  const partition = { size: '1GiB', type_guid: '8300' }
  const guid = '0FC63DAF-8483-4772-8E79-3D69D8477DE4'

  test.each([
    { size: '512M' },
    { size: '40%' },
    { size: '100%' },
    { type_guid: guid },
    { type_guid: guid.toLowerCase() },
    { format: 'swap' },
    { label: 'x'.repeat(32) },
    { format: 'vfat', label: 'x'.repeat(11) },
    { mountpoint: '/' },
    { mountpoint: '/var/lib/..data' },
  ])('%j is accepted', (fields) => {
    expect(faults(custom({ partition_layout: [{ ...partition, ...fields }] }))).toEqual([])
  })

  test.each([
    [{ size: '0M' }, 'size', 'pattern'],
    [{ size: '0%' }, 'size', 'pattern'],
    [{ size: '-1G' }, 'size', 'pattern'],
    [{ size: '101%' }, 'size', 'pattern'],
    [{ size: '1.5G' }, 'size', 'pattern'],
    [{ size: 512 }, 'size', 'type'],
    [{ type_guid: 'ef0' }, 'type_guid', 'pattern'],
    [{ format: 'zfs' }, 'format', 'enum'],
    [{ label: 'x'.repeat(33) }, 'label', 'too_long'],
    [{ format: 'vfat', label: 'x'.repeat(12) }, 'label', 'too_long'],
    [{ format: 'vfat', label: 'x'.repeat(40) }, 'label', 'too_long'],
    [{ format: 'vfat', label: 1 }, 'label', 'type'],
    [{ label: 'a\nb' }, 'label', 'pattern'],
    [{ mountpoint: '/srv/../etc' }, 'mountpoint', 'pattern'],
    [{ mountpoint: '/srv/' }, 'mountpoint', 'pattern'],
    [{ bootable: true }, 'bootable', 'additional_property'],
  ])('%j is refused at %s as %s', (fields, name, code) => {
    const recipe = custom({ partition_layout: [{ ...partition, ...fields }] })
    expect(faults(recipe)).toEqual([[`/partition_layout/0/${name}`, code]])
  })

  test('a layout has 1 to 64 partitions', () => {
    expect(faults(custom({ partition_layout: [] }))).toEqual([['/partition_layout', 'too_few']])
    expect(faults(custom({ partition_layout: Array(64).fill(partition) }))).toEqual([])
    expect(faults(custom({ partition_layout: Array(65).fill(partition) }))).toEqual([['/partition_layout', 'too_many']])
  })
})
