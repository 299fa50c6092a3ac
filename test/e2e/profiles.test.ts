/**
 * Whole Linux jobs on every make of BMC that can be simulated, in whatever layout it offers, while one request in twenty
 * meets a fault; and then a second job on the same server. The host finds its task where the layout puts it, or it would
 * not report.
 */
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { StoredEvent } from '../../eventstore/log/event.ts'
import type { JobEventData } from '../../machines/job/events.ts'
import { type ProfileName, profiles } from '../../redfish/simulator/profiles/catalogue.ts'
import type { SimulatedBmc } from '../../redfish/simulator/server.ts'
import { baseKinds, makeBase } from '../actors/media/rig/base-iso.ts'
import { type HttpsFront, startHttpsFront } from '../rig/https-front.ts'
import { patience } from '../rig/patience.ts'
import { completed, expectSoundEnd, type Site, startSite, submit } from './rig/site.ts'

type LayoutKind = JobEventData<'redfish.discover.succeeded'>['layout']['kind']

const layouts: Readonly<Record<ProfileName, LayoutKind>> = {
  generic: 'two-cds',
  'idrac9-old': 'single-cd',
  idrac9: 'two-cds',
  idrac10: 'two-cds',
  ilo4: 'cd-and-usb',
  ilo5: 'cd-and-usb',
  ilo6: 'cd-and-usb',
  xcc: 'two-cds',
  'supermicro-x11': 'single-cd',
  'supermicro-x13': 'two-cds',
  ami: 'single-cd',
  openbmc: 'two-cds',
  'openbmc-nvidia': 'two-cds',
  'cisco-cimc': 'cd-and-usb',
  irmc: 'single-cd',
  'sushy-tools': 'cd-and-usb',
}
const names = Object.keys(profiles) as readonly ProfileName[]

let made: string
let front: HttpsFront
let site: Site

beforeAll(async () => {
  made = await mkdtemp(join(tmpdir(), 'provisioner-profiles-'))
  // Upstream OpenBMC and iRMC mount images over https only.
  front = await startHttpsFront()
  site = await startSite({
    bmcs: names.map((profile) => ({ profile })),
    settings: { PUBLIC_URL: front.url, REDFISH_SWITCH_ON_MEDIA: 'true' },
    trusted: front.certificate,
  })
  front.forwardTo(site.controller.url)
  // One that boots: task files are merged into no other.
  const base = await makeBase(made, baseKinds['UEFI from CD and disk, the EFI image in a GPT of its own'])
  await copyFile(base, join(site.folder, 'images', 'maintenance.iso'))
})

afterAll(async () => {
  await site.stop()
  await front.stop()
  await rm(made, { recursive: true, force: true })
})

/** A refused login is none of the faults: it says that the password is wrong, which ends a job and has to. */
function addFaults({ faults }: SimulatedBmc, name: ProfileName): void {
  const probability = 0.0085
  // Its override is for good and nothing else shows a reset: one that may not have arrived ends the job, as it has to.
  const path = name === 'sushy-tools' ? /^(?!.*ComputerSystem\.Reset)/ : /./
  faults.add({ status: 500, probability, path })
  faults.add({ status: 503, probability })
  faults.add({ drop: 'before', probability, path })
  faults.add({ drop: 'after', probability })
  faults.add({ delayMs: 300, probability })
  faults.add({ status: 429, headers: { 'retry-after': '1' }, probability })
}

const dataOf = <Data>(events: readonly StoredEvent[], type: RegExp) =>
  events.filter((event) => type.test(event.type)).map(({ data }) => data as Data)

async function install(bmc: SimulatedBmc, layout: LayoutKind): Promise<void> {
  const jobId = await submit(site.client, bmc.serial)
  const job = await completed(site.client, jobId)
  expect(job).toMatchObject({ failure: null, outcome: 'succeeded', cleanup: 'clean' })
  const events = await expectSoundEnd(site.client, jobId, bmc)
  const [found] = dataOf<JobEventData<'redfish.discover.succeeded'>>(events, /^redfish\.discover\.succeeded$/)
  expect(found?.layout.kind).toBe(layout)
  const read = dataOf<JobEventData<'media.read.observed'>>(events, /^media\.read\.observed$/)
  expect([...new Set(read.map(({ medium }) => medium))].toSorted()).toEqual(
    layout === 'single-cd' ? ['task'] : ['maintenance', 'task'],
  )
}

test('every layout is that of at least two makes', () => {
  for (const kind of ['two-cds', 'cd-and-usb', 'single-cd'])
    expect(Object.values(layouts).filter((layout) => layout === kind).length).toBeGreaterThanOrEqual(2)
})

test.concurrent.each(names.map((name, index) => ({ name, serial: `S${index + 1}` })))(
  'two Linux jobs install on $name among faults, and the host boots the CD once for each',
  async ({ name, serial }) => {
    const bmc = site.simulator.bmc(serial)
    addFaults(bmc, name)
    await install(bmc, layouts[name])
    await install(bmc, layouts[name])
    await bmc.host.reached('installed', patience())
    expect(bmc.hostBoots.map(({ from }) => from)).toEqual(['cd', 'disk', 'cd', 'disk'])
  },
)
