/**
 * The simulated BMCs on which the client keeps the whole contract of `Bmc`: all of them, and what each does its own way.
 */
import { type ProfileName, profiles } from '../../../../redfish/simulator/profiles/catalogue.ts'
import { type BmcTraits, USUAL_TRAITS } from '../../bmc-contract.ts'

/** Nothing that it shows tells a reset that did not take place from one that did. */
const showsNoReset = { unsentReset: 'unknown', idleResetShows: false } as const

const differences: Partial<Record<ProfileName, Partial<BmcTraits>>> = {
  'idrac9-old': { layout: 'single-cd', ...showsNoReset },
  idrac9: { unsentReset: 'unknown' },
  ilo4: {
    layout: 'cd-and-usb',
    insert: { method: 'POST', path: /InsertVirtualMedia/ },
    eject: { method: 'POST', path: /EjectVirtualMedia/ },
    ...showsNoReset,
  },
  ilo5: { layout: 'cd-and-usb', ...showsNoReset },
  ilo6: { layout: 'cd-and-usb', unsentReset: 'unknown' },
  xcc: {
    insert: { method: 'PATCH', path: /VirtualMedia/ },
    eject: { method: 'PATCH', path: /VirtualMedia/ },
    ...showsNoReset,
  },
  'supermicro-x11': {
    layout: 'single-cd',
    cdTarget: 'UefiUsbCd',
    basic: false,
    insert: { method: 'POST', path: /IsoConfig\.Mount/ },
    eject: { method: 'POST', path: /IsoConfig\.UnMount/ },
    ...showsNoReset,
  },
  'supermicro-x13': { cdTarget: 'UsbCd', ...showsNoReset },
  ami: { layout: 'single-cd', ...showsNoReset },
  openbmc: { scheme: 'https', unsentReset: 'unknown' },
  'openbmc-nvidia': { unsentReset: 'unknown' },
  'cisco-cimc': { layout: 'cd-and-usb', ...showsNoReset },
  irmc: {
    scheme: 'https',
    layout: 'single-cd',
    // Only what is connected is listed, and connecting takes seconds.
    namesAtOnce: false,
    insert: { method: 'POST', path: /FTSComputerSystem/ },
    eject: { method: 'POST', path: /FTSComputerSystem/ },
    ...showsNoReset,
  },
  'sushy-tools': { layout: 'cd-and-usb', sessions: false, onceReads: 'Continuous', ...showsNoReset },
}

export const contractProfiles = Object.keys(profiles) as readonly ProfileName[]

export function traitsOf(profile: ProfileName): BmcTraits {
  return { ...USUAL_TRAITS, ...differences[profile] }
}
