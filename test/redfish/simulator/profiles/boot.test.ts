// Which drive a host of a profile boots from, with the host really reading it.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ProfileName } from '../../../../redfish/simulator/profiles/catalogue.ts'
import { type SimulatedBmc, type Simulator, startSimulator } from '../../../../redfish/simulator/server.ts'
import { call, post } from '../rig/caller.ts'
import { maintenanceIso } from '../rig/rig.ts'
import { type Site, startSite } from '../rig/site.ts'

let site: Site
let simulator: Simulator
let bmc: SimulatedBmc

beforeEach(async () => {
  site = await startSite()
  site.images.set('/maintenance.iso', await maintenanceIso())
})
afterEach(async () => {
  await simulator.close()
  await site.close()
})

async function start(profile: ProfileName): Promise<void> {
  const config = { serial: 'SN-1', username: 'u', password: 'p', profile, powerState: 'Off' } as const
  simulator = await startSimulator({
    bmcs: [config],
    speed: 200,
    random: () => 1,
    timing: { taskMediumWaitMs: 1_000 },
  })
  bmc = simulator.bmc('SN-1')
}

async function put(slot: string, path: string): Promise<void> {
  const body = { Image: `${site.url}/maintenance.iso` }
  expect((await post(bmc, `${path}/Actions/VirtualMedia.InsertMedia`, body)).status).toBeLessThan(300)
  await expect.poll(() => bmc.state.slots[slot]?.inserted).toBe(true)
}

async function bootsFrom(system: string, times = 1): Promise<readonly string[]> {
  const type = bmc.state.powerState === 'Off' ? 'On' : 'ForceRestart'
  const send = () => post(bmc, `${system}/Actions/ComputerSystem.Reset`, { ResetType: type })
  await expect.poll(async () => (await send()).status).toBeLessThan(300)
  await expect.poll(() => bmc.hostBoots.length).toBe(times)
  return bmc.hostBoots.map(({ from }) => from)
}

const dell = '/redfish/v1/Systems/System.Embedded.1'
const once = { Boot: { BootSourceOverrideEnabled: 'Once', BootSourceOverrideTarget: 'Cd' } }

test.each([
  ['1', 'cd'],
  ['2', 'disk'],
])('iDRAC10 with an image in drive %s boots from %s', async (slot, from) => {
  await start('idrac10')
  await put(slot, `${dell}/VirtualMedia/${slot}`)
  expect((await call(bmc, `${dell}/Settings`, { method: 'PATCH', body: once })).status).toBe(204)
  expect(await bootsFrom(dell)).toEqual([from])
})

test('BootOnNextServerReset boots an iLO once from its CD, and the boot after that ejects it', async () => {
  await start('ilo5')
  const slot = '/redfish/v1/Managers/1/VirtualMedia/2'
  await put('2', slot)
  const body = { Oem: { Hpe: { BootOnNextServerReset: true } } }
  expect((await call(bmc, slot, { method: 'PATCH', body })).status).toBe(200)
  expect(await bootsFrom('/redfish/v1/Systems/1')).toEqual(['cd'])
  expect(bmc.state.slots['2']?.inserted).toBe(true)
  expect(await bootsFrom('/redfish/v1/Systems/1', 2)).toEqual(['cd', 'disk'])
  await expect.poll(() => bmc.state.slots['2']?.inserted).toBe(false)
})
