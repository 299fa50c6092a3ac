/** The documents of iLO, with `Oem.Hpe` from iLO 5 on and `Oem.Hp` before. */
import type { Bmc } from '../../bmc/bmc.ts'
import type { Slot } from '../../bmc/media.ts'
import type { JsonObject } from '../../bmc/reply.ts'
import { without } from '../shape.ts'

export type OemKey = 'Hp' | 'Hpe'

export function rootDocument(
  base: JsonObject,
  { key, type, version }: { readonly key: OemKey; readonly type: string; readonly version: string },
): JsonObject {
  return {
    ...base,
    '@odata.id': '/redfish/v1',
    Name: key === 'Hpe' ? 'HPE RESTful Root Service' : 'HP RESTful Root Service',
    Oem: {
      [key]: {
        '@odata.type': `#${key}iLOServiceExt.v2_3_0.${key}iLOServiceExt`,
        Manager: [{ ManagerFirmwareVersion: version, ManagerType: type }],
      },
    },
  }
}

/** iLO shows the progress of a boot in PostState; only iLO 6 has BootProgress as well. */
export function systemDocument(base: JsonObject, { power, host }: Bmc, key: OemKey, bootProgress: boolean): JsonObject {
  const postState = power.state === 'Off' ? 'PowerOff' : host.status === 'firmware' ? 'InPost' : 'FinishedPost'
  const oem = { '@odata.type': `#${key}ComputerSystemExt.v2_10_1.${key}ComputerSystemExt`, PostState: postState }
  return { ...without(base, 'LastResetTime', ...(bootProgress ? [] : ['BootProgress'])), Oem: { [key]: oem } }
}

/** An empty slot has an empty string for an image; a client can set the CD drive to boot once. */
export function mediaDocument(base: JsonObject, bmc: Bmc, slot: Slot, key: OemKey): JsonObject {
  const names = ['ImageName', 'TransferMethod', 'TransferProtocolType', 'UserName', 'Password', 'Image']
  const schema = `${key}iLOVirtualMedia`
  const action = (name: string) => ({
    [`#${schema}.${name}`]: { target: `${String(base['@odata.id'])}/Actions/Oem/${key}/${schema}.${name}` },
  })
  const isCd = slot.profile.mediaTypes.includes('CD')
  return {
    ...without(base, ...names),
    Description: 'Virtual Removable Media',
    Name: 'VirtualMedia',
    Image: slot.request?.image ?? '',
    WriteProtected: true,
    Oem: {
      [key]: {
        '@odata.type': `#${schema}.v2_2_0.${schema}`,
        Actions: { ...action('EjectVirtualMedia'), ...action('InsertVirtualMedia') },
        ...(isCd ? { BootOnNextServerReset: bmc.bootsOnNextReset.has(slot) } : {}),
      },
    },
  }
}

/** The licence is named in the Manager; `iLO Standard` has no virtual media (quirks.md 12). */
export function licence({ licensed }: Bmc): JsonObject {
  return { LicenseString: licensed ? 'iLO Advanced' : 'iLO Standard', LicenseType: 'Perpetual' }
}
