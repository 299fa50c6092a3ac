/** Ways to boot the virtual CD once where the boot override means something else (quirks.md 8). */

export type BootWay = {
  /** End of the name of the Manager's OEM action; its beginning differs between firmware versions. */
  readonly action: string
  readonly body: Readonly<Record<string, unknown>>
  readonly evidence: readonly string[]
}

/**
 * ServerBoot.1 is the boot device of the iDRAC itself. The BMC makes a job of the import, which the client follows as a
 * task.
 */
const BOOT_ONCE_FROM_VIRTUAL_CD =
  '<SystemConfiguration><Component FQDD="iDRAC.Embedded.1">' +
  '<Attribute Name="ServerBoot.1#BootOnce">Enabled</Attribute>' +
  '<Attribute Name="ServerBoot.1#FirstBootDevice">VCD-DVD</Attribute>' +
  '</Component></SystemConfiguration>'

export const BOOT_WAYS = {
  'import-configuration': {
    action: '#OemManager.ImportSystemConfiguration',
    body: { ShareParameters: { Target: 'ALL' }, ImportBuffer: BOOT_ONCE_FROM_VIRTUAL_CD },
    evidence: ['quirks.md 8', 'idrac8-2.41-m630-partial', 'errors/idrac/import-scp-LC068.json'],
  },
} as const satisfies Readonly<Record<string, BootWay>>

export type BootWayName = keyof typeof BOOT_WAYS
