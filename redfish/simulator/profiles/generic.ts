/** A BMC without quirks: what DSP0266 and the schemas of DSP8010 describe, with two virtual CDs. */
import type { Bmc } from '../bmc/bmc.ts'
import { dmtf } from '../bmc/messages.ts'
import type { Profile } from './profile.ts'

const allInsertParameters: readonly string[] = [
  'Image',
  'Inserted',
  'WriteProtected',
  'TransferMethod',
  'TransferProtocolType',
  'UserName',
  'Password',
]

export const generic: Profile<Bmc> = {
  name: 'generic',
  summary: 'what the Redfish standard describes, two virtual CDs',
  vendor: 'Simulated',
  product: 'Simulated BMC',
  redfishVersion: '1.15.0',
  system: { id: '1', manufacturer: 'Simulated', model: 'Generic Server', bios: '1.0.0' },
  manager: { id: 'BMC', model: 'Simulated BMC', firmware: '1.0.0' },
  chassis: { id: '1' },
  slots: [
    { name: 'CD1', mediaTypes: ['CD', 'DVD'] },
    { name: 'CD2', mediaTypes: ['CD', 'DVD'], boots: false },
  ],
  mediaCollections: [
    { under: 'manager', segment: 'VirtualMedia', slots: ['CD1', 'CD2'], linkedFrom: ['system', 'manager'] },
  ],
  insertParameters: allInsertParameters,
  insertRequires: [],
  resetTypes: ['On', 'ForceOn', 'ForceOff', 'GracefulShutdown', 'GracefulRestart', 'ForceRestart', 'PowerCycle'],
  managerResetTypes: ['GracefulRestart', 'ForceRestart'],
  resetTypesIn: { system: 'action', manager: 'action' },
  boot: {
    enabledValues: ['Disabled', 'Once', 'Continuous'],
    targets: ['None', 'Pxe', 'Cd', 'Usb', 'Hdd', 'BiosSetup'],
    modes: ['UEFI'],
    lists: ['Enabled', 'Target', 'Mode'],
  },
  cdTargets: ['Cd'],
  sessions: { offered: true, max: 8, timeoutSeconds: 1_800, timeoutShown: 1_800 },
  acceptsBasic: true,
  messages: dmtf,
  etags: { format: (digest) => `"${digest.slice(0, 16)}"`, missing: null },
  showsPowerTransitions: true,
}
