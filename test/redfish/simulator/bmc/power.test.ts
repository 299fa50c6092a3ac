import { afterEach, beforeEach, expect, test } from 'vitest'
import { type SimulatedBmc, type Simulator, startSimulator } from '../../../../redfish/simulator/server.ts'
import { call, refusal, reset, systemPath } from '../rig/caller.ts'
import { ManualClock } from '../rig/manual-clock.ts'

let simulator: Simulator
let bmc: SimulatedBmc
let clock: ManualClock

async function start(options: { powerState: 'On' | 'Off'; ignoresAcpi?: boolean }): Promise<void> {
  clock = new ManualClock()
  const { powerState, ignoresAcpi = false } = options
  simulator = await startSimulator({
    bmcs: [{ serial: 'SN-1', username: 'u', password: 'p', powerState, host: { ignoresAcpi } }],
    clock,
    timing: {
      responseMs: 0,
      powerOnMs: 2_000,
      powerOffMs: 1_000,
      powerCyclePauseMs: 500,
      gracefulShutdownMs: 4_500,
      postMs: 600,
      osBootMs: 400,
    },
  })
  bmc = simulator.bmc('SN-1')
}

beforeEach(async () => {
  await start({ powerState: 'On' })
})

afterEach(async () => {
  await simulator.close()
})

async function restartWith(options: { powerState: 'On' | 'Off'; ignoresAcpi?: boolean }): Promise<void> {
  await simulator.close()
  await start(options)
}

test('switching on goes through PoweringOn and the stages of a boot', async () => {
  await restartWith({ powerState: 'Off' })
  const before = bmc.state.lastResetTime
  expect((await reset(bmc, 'On')).status).toBe(204)
  expect(bmc.state.powerState).toBe('PoweringOn')
  await clock.advance(1_999)
  expect(bmc.state.powerState).toBe('PoweringOn')
  await clock.advance(1)
  expect(bmc.state).toMatchObject({ powerState: 'On', bootProgress: 'PrimaryProcessorInitializationStarted' })
  expect(bmc.state.lastResetTime.getTime() - before.getTime()).toBe(2_000)
  await clock.advance(300)
  expect(bmc.state.bootProgress).toBe('SystemHardwareInitializationComplete')
  await clock.advance(300)
  expect(bmc.state.bootProgress).toBe('OSBootStarted')
  await clock.advance(400)
  expect((await call(bmc, systemPath)).body).toMatchObject({
    PowerState: 'On',
    BootProgress: { LastState: 'OSRunning' },
  })
  expect(bmc.hostBoots.map(({ from }) => from)).toEqual(['disk'])
})

test('forcing it off goes through PoweringOff and is no reset', async () => {
  const before = bmc.state.lastResetTime
  expect((await reset(bmc, 'ForceOff')).status).toBe(204)
  expect(bmc.state).toMatchObject({ powerState: 'PoweringOff', hostStatus: 'off' })
  await clock.advance(1_000)
  expect(bmc.state).toMatchObject({ powerState: 'Off', bootProgress: 'None', lastResetTime: before })
})

test('a graceful shutdown takes as long as the operating system takes', async () => {
  await reset(bmc, 'GracefulShutdown')
  await clock.advance(4_499)
  expect(bmc.state).toMatchObject({ powerState: 'PoweringOff', hostStatus: 'shutting-down' })
  await clock.advance(1)
  expect(bmc.state.powerState).toBe('Off')
})

test('a graceful shutdown that takes too long can be forced', async () => {
  await reset(bmc, 'GracefulShutdown')
  await clock.advance(100)
  expect((await reset(bmc, 'ForceOff')).status).toBe(204)
  await clock.advance(1_000)
  expect(bmc.state.powerState).toBe('Off')
  await clock.advance(60_000)
  expect(bmc.state.powerState).toBe('Off')
})

test('a warm restart never leaves On, and shows in the reset time and the boot progress', async () => {
  const before = bmc.state.lastResetTime
  await clock.advance(5_000)
  await reset(bmc, 'ForceRestart')
  expect(bmc.state).toMatchObject({ powerState: 'On', hostStatus: 'firmware' })
  expect(bmc.state.lastResetTime.getTime()).toBe(before.getTime() + 5_000)
  await clock.advance(1_000)
  expect(bmc.state).toMatchObject({ hostStatus: 'previous', bootProgress: 'OSRunning' })
})

test('a graceful restart is a shutdown with the power on and then a boot', async () => {
  const before = bmc.state.lastResetTime
  await reset(bmc, 'GracefulRestart')
  await clock.advance(4_499)
  expect(bmc.state).toMatchObject({ powerState: 'On', hostStatus: 'shutting-down', lastResetTime: before })
  await clock.advance(1)
  expect(bmc.state.hostStatus).toBe('firmware')
  expect(bmc.state.lastResetTime.getTime()).toBeGreaterThan(before.getTime())
})

test('a power cycle is off for a while and comes back by itself', async () => {
  await reset(bmc, 'PowerCycle')
  expect(bmc.state.powerState).toBe('PoweringOff')
  await clock.advance(1_000)
  expect(bmc.state.powerState).toBe('Off')
  await clock.advance(500)
  expect(bmc.state.powerState).toBe('PoweringOn')
  await clock.advance(2_000)
  expect(bmc.state.powerState).toBe('On')
})

test('graceful requests to a host that ignores ACPI are accepted and do nothing', async () => {
  await restartWith({ powerState: 'On', ignoresAcpi: true })
  for (const type of ['GracefulShutdown', 'GracefulRestart']) expect((await reset(bmc, type)).status).toBe(204)
  await clock.advance(60_000)
  expect(bmc.state).toMatchObject({ powerState: 'On', hostStatus: 'previous' })
})

test('firmware does not react to graceful requests either', async () => {
  await reset(bmc, 'ForceRestart')
  expect((await reset(bmc, 'GracefulShutdown')).status).toBe(204)
  await clock.advance(60_000)
  expect(bmc.state).toMatchObject({ powerState: 'On', hostStatus: 'previous' })
})

test.each(['ForceOff', 'GracefulShutdown', 'GracefulRestart', 'ForceRestart', 'PowerCycle'])(
  '%s of a host that is off is a conflict',
  async (type) => {
    await restartWith({ powerState: 'Off' })
    expect(refusal(await reset(bmc, type))).toBe('409 Base.1.16.ActionParameterValueConflict')
    expect(bmc.state.powerState).toBe('Off')
  },
)

test('switching on while it is going off or on is a conflict', async () => {
  await reset(bmc, 'ForceOff')
  expect((await reset(bmc, 'On')).status).toBe(409)
  await clock.advance(1_000)
  expect((await reset(bmc, 'On')).status).toBe(204)
  expect((await reset(bmc, 'On')).status).toBe(409)
})

test('accepted resets are on record with their time', async () => {
  await reset(bmc, 'On')
  await clock.advance(10)
  await reset(bmc, 'ForceRestart')
  await clock.advance(10)
  await reset(bmc, 'ForceOff')
  expect(bmc.resets.map(({ resetType }) => resetType)).toEqual(['ForceRestart', 'ForceOff'])
  expect((bmc.resets[1]?.at.getTime() ?? 0) - (bmc.resets[0]?.at.getTime() ?? 0)).toBe(10)
})
