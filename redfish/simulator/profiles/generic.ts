/** A BMC without quirks: what DSP0266 and the schemas of DSP8010 describe, with two virtual CDs. */
import type { Profile } from './profile.ts'

export const generic: Profile = {
  name: 'generic',
  vendor: 'Simulated',
  product: 'Simulated BMC',
  redfishVersion: '1.15.0',
  system: { id: '1', manufacturer: 'Simulated', model: 'Generic Server', bios: '1.0.0' },
  manager: { id: 'BMC', model: 'Simulated BMC', firmware: '1.0.0' },
  chassis: { id: '1' },
  slots: [
    { name: 'CD1', mediaTypes: ['CD', 'DVD'] },
    { name: 'CD2', mediaTypes: ['CD', 'DVD'] },
  ],
  insertParameters: [
    'Image',
    'Inserted',
    'WriteProtected',
    'TransferMethod',
    'TransferProtocolType',
    'UserName',
    'Password',
  ],
  resetTypes: ['On', 'ForceOn', 'ForceOff', 'GracefulShutdown', 'GracefulRestart', 'ForceRestart', 'PowerCycle'],
  managerResetTypes: ['GracefulRestart', 'ForceRestart'],
  bootTargets: ['None', 'Pxe', 'Cd', 'Usb', 'Hdd', 'BiosSetup'],
  bootModes: ['UEFI'],
  cdTargets: ['Cd'],
  sessionsMax: 8,
  sessionTimeoutSeconds: 1_800,
}
