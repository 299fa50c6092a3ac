// Another project's Redfish client, unmodified out of Debian's packages, against the simulator.
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isProfileName, type ProfileName } from '../../../redfish/simulator/profiles/catalogue.ts'
import { type SimulatedBmc, startSimulator } from '../../../redfish/simulator/server.ts'
import { tool } from '../../rig/debian-tools.ts'
import { patienceMs } from '../../rig/patience.ts'
import { call, post } from './rig/caller.ts'
import { type Site, startSite } from './rig/site.ts'

const run = promisify(execFile)
const script = resolve(import.meta.dirname, 'sushy-client.py')
let site: Site

beforeEach(async () => {
  site = await startSite()
  site.images.set('/token/boot.iso', Buffer.from('any bytes'))
})

afterEach(async () => {
  await site.close()
})

async function runSushy(bmc: SimulatedBmc, slot: string): Promise<Record<string, unknown>> {
  const folder = await mkdtemp(join(tmpdir(), 'simulator-sushy-'))
  try {
    const args = [script, bmc.url, bmc.username, bmc.password, `${site.url}/token/boot.iso`, slot]
    if (bmc.certificate !== null) {
      const caFile = join(folder, 'bmc.pem')
      await writeFile(caFile, bmc.certificate)
      args.push(caFile)
    }
    const { command, env } = await tool('python3')
    // requests prefers these to what sushy tells it to verify with, and would send our addresses to a proxy.
    const own = { ...env, REQUESTS_CA_BUNDLE: undefined, CURL_CA_BUNDLE: undefined, NO_PROXY: '127.0.0.1' }
    const { stdout } = await run(command, args, { env: own, timeout: patienceMs })
    return Object.fromEntries(Object.entries(JSON.parse(stdout)))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** What sushy does on every profile, and what is different on each. */
type Expected = {
  readonly systemId: string
  readonly managerId: string
  readonly chassisId: string
  /** The drive that it inserts into, and the members of each collection that it finds. */
  readonly slot: string
  readonly slots: readonly (readonly string[])[]
  readonly mediaTypes: readonly string[]
  readonly override?: Readonly<Record<string, unknown>>
  readonly refused: string
  readonly empty?: Readonly<Record<string, unknown>>
  /** Statuses of refusals on the way, which sushy takes care of, each as often as it likes. */
  readonly onTheWay?: readonly number[]
}

const cd = ['CD', 'DVD']
const all = ['CD', 'DVD', 'Floppy', 'USBStick']
const one = { systemId: '1', managerId: '1', chassisId: '1' }
const dell = { systemId: 'System.Embedded.1', managerId: 'iDRAC.Embedded.1', chassisId: 'System.Embedded.1' }
const hpe = { ...one, slot: '2', slots: [['1', '2']], mediaTypes: cd, empty: { image: '', connected: 'NotConnected' } }
const lenovo = ['EXT1', 'EXT2', 'EXT3', 'EXT4', 'RDOC1', 'RDOC2', 'Remote1', 'Remote2', 'Remote3', 'Remote4']
const supermicro = ['VirtualMedia1', 'VirtualMedia2', 'VirtualMedia3']
const conflict = 'ActionParameterValueConflict'

/**
 * Not among them: iLO 4, Supermicro X11 and iRMC, whose media sushy has no way to operate, because it knows neither a
 * PATCH of the image alone nor the vendors' own actions; and upstream OpenBMC, which wants images over https.
 */
const profiles = {
  generic: {
    ...one,
    managerId: 'BMC',
    slot: 'CD1',
    slots: [
      ['CD1', 'CD2'],
      ['CD1', 'CD2'],
    ],
    mediaTypes: cd,
    refused: `409 Base.1.16.${conflict}`,
  },
  'idrac9-old': {
    ...dell,
    slot: 'CD',
    slots: [['RemovableDisk', 'CD']],
    mediaTypes: cd,
    refused: '409 Base.1.8.GeneralError',
  },
  idrac9: {
    ...dell,
    slot: '1',
    slots: [
      ['2', '1'],
      ['RemovableDisk', 'CD'],
    ],
    mediaTypes: ['CD', 'DVD', 'USBStick'],
    refused: '409 Base.1.12.GeneralError',
  },
  idrac10: {
    ...dell,
    slot: '1',
    slots: [['2', '1']],
    mediaTypes: ['CD', 'DVD', 'USBStick'],
    refused: '409 Base.1.18.GeneralError',
    onTheWay: [409],
  },
  ilo5: { ...hpe, refused: '400 iLO.0.10.ExtendedInfo', onTheWay: [400, 415] },
  ilo6: { ...hpe, refused: '400 iLO.0.10.ExtendedInfo', onTheWay: [400, 415] },
  xcc: { ...one, slot: 'EXT1', slots: [lenovo, lenovo], mediaTypes: all, refused: '409 Base.1.8.GeneralError' },
  'supermicro-x13': {
    ...one,
    slot: 'VirtualMedia1',
    slots: [supermicro, supermicro],
    mediaTypes: all,
    override: { enabled: 'Once', target: 'UsbCd', mode: 'UEFI' },
    refused: '409 Base.v1_10_3.GeneralError',
    empty: { image: 'IMAGE', connected: 'NotConnected' },
  },
  ami: {
    systemId: 'Self',
    managerId: 'Self',
    chassisId: 'Self',
    slot: 'CD1',
    slots: [['CD1']],
    mediaTypes: [],
    refused: `409 Base.1.5.${conflict}`,
    empty: { image: 'None', connected: 'NotConnected' },
    onTheWay: [400],
  },
  'openbmc-nvidia': {
    systemId: 'System_0',
    managerId: 'BMC_0',
    chassisId: 'BMC_0',
    slot: 'USB1',
    slots: [['USB2', 'USB1', 'Slot_0']],
    mediaTypes: ['CD', 'USBStick'],
    override: { enabled: 'Once', target: 'Cd', mode: null },
    refused: `409 Base.1.18.1.${conflict}`,
  },
  'cisco-cimc': {
    systemId: 'WZP23400AK4',
    managerId: 'CIMC',
    chassisId: '1',
    slot: '0',
    slots: [['1', '0']],
    mediaTypes: cd,
    override: { enabled: 'Once', target: 'Cd', mode: null },
    refused: '409 Base.1.4.0.GeneralError',
    empty: { image: null, connected: 'URI' },
  },
} satisfies Partial<Record<ProfileName, Expected>>

async function holds(profile: ProfileName, expected: Expected, tls = false): Promise<void> {
  const simulator = await startSimulator({
    bmcs: [{ serial: 'SN-SUSHY', username: 'admin', password: 'sushy-password', profile }],
    tls,
    speed: 20,
    random: () => 1,
  })
  try {
    const bmc = simulator.bmc('SN-SUSHY')
    if (profile === 'ami') await enableRemoteMedia(bmc)
    const image = `${site.url}/token/boot.iso`
    const { refused, ...seen } = await runSushy(bmc, expected.slot)
    const { systems, managers, ...rest } = seen
    expect([systems, managers]).toEqual([
      expect.arrayContaining([expected.systemId]),
      expect.arrayContaining([expected.managerId]),
    ])
    const empty = expected.empty ?? { image: null, connected: 'NotConnected' }
    expect(rest).toEqual({
      session: '/redfish/v1/SessionService/Sessions/1',
      serial: 'SN-SUSHY',
      managed_by: [expected.managerId],
      chassis: [expected.chassisId],
      slots: expected.slots,
      media_types: expected.mediaTypes,
      inserted: { image, connected: 'URI' },
      override: expected.override ?? { enabled: 'Once', target: 'Cd', mode: 'UEFI' },
      power_before: 'On',
      power_after: 'On',
      ejected: empty['image'] === 'IMAGE' ? { ...empty, image } : empty,
      logged_out: true,
    })
    const [status = '', code] = expected.refused.split(' ')
    expect(refused).toEqual({ status: Number(status), code })
    expect(bmc.state.sessions).toBe(0)
    expect(bmc.resets.map(({ resetType }) => resetType)).toEqual(['ForceRestart', 'ForceOff', 'On'])
    const known = new Set<number | null>([...(expected.onTheWay ?? []), Number(status)])
    const others = bmc.requests.filter((request) => request.status === null || request.status >= 400)
    expect(others.filter((request) => !known.has(request.status))).toEqual([])
  } finally {
    await simulator.close()
  }
}

/** What an operator does once; the drives are there some time later. */
async function enableRemoteMedia(bmc: SimulatedBmc): Promise<void> {
  const manager = '/redfish/v1/Managers/Self'
  await post(bmc, `${manager}/Actions/Oem/Ami/VirtualMedia.EnableRMedia`, { RMediaState: 'Enable' })
  const drives = async () => (await call(bmc, `${manager}/VirtualMedia`)).body['Members@odata.count']
  await expect.poll(drives).toBe(1)
}

test.each(Object.entries(profiles))(
  'sushy logs in, lists, inserts, boots once from CD, resets, ejects and logs out on %s',
  async (profile, expected) => {
    if (!isProfileName(profile)) throw new Error(`${profile} is no profile`)
    await holds(profile, expected)
  },
)

test('it does so over HTTPS with the certificate verified', async () => {
  await holds('generic', profiles.generic, true)
})

test('on the emulator of its own makers it gets along with Basic and an override that stays', async () => {
  const config = { serial: 'SN-SUSHY', username: 'admin', password: 'sushy-password', profile: 'sushy-tools' } as const
  const simulator = await startSimulator({ bmcs: [config], speed: 20 })
  try {
    const bmc = simulator.bmc('SN-SUSHY')
    expect(await runSushy(bmc, 'Cd')).toMatchObject({
      session: null,
      override: { enabled: 'Continuous', target: 'Cd', mode: 'UEFI' },
      power_after: 'On',
      ejected: { image: '', connected: 'URI' },
    })
    expect(bmc.requests.filter((request) => (request.status ?? 500) >= 400)).toMatchObject([{ status: 404 }])
  } finally {
    await simulator.close()
  }
})
