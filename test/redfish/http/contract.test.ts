import { describe, expect, test } from 'vitest'
import { BmcError } from '../../../redfish/failure.ts'
import { createHttpBmc } from '../../../redfish/http/client.ts'
import type { ProfileName } from '../../../redfish/simulator/profiles/catalogue.ts'
import { startSimulator } from '../../../redfish/simulator/server.ts'
import { describeBmc, type FailingBmc } from '../bmc-contract.ts'
import { contractProfiles } from './contract-profiles.ts'
import { QUICK_LIMITS, QUICK_RETRIES } from './quick.ts'

const SERIAL = 'SIM0001'

async function simulated({ tls, profile = 'generic' }: { tls: boolean; profile?: ProfileName }): Promise<FailingBmc> {
  const account = { username: 'operator', password: 'hunter2-hunter2' }
  const simulator = await startSimulator({
    tls,
    speed: 50,
    random: () => 1,
    bmcs: [{ serial: SERIAL, ...account, profile, checksImages: false }],
  })
  const simulation = simulator.bmc(SERIAL)
  const client = (password: string) =>
    createHttpBmc({
      address: simulation.url,
      username: account.username,
      password,
      tls: simulation.certificate === null ? { mode: 'system' } : { mode: 'ca', ca: simulation.certificate },
      serial: SERIAL,
      limits: QUICK_LIMITS,
      retries: QUICK_RETRIES,
    })
  const bmc = client(account.password)
  return {
    bmc,
    serial: SERIAL,
    password: account.password,
    fault: (fault) => simulation.faults.add(fault),
    withPassword: client,
    async endSessions() {
      const headers = { Authorization: `Basic ${btoa(`${account.username}:${account.password}`)}` }
      for (let id = 1; id <= 8; id++) {
        await fetch(`${simulation.url}/redfish/v1/SessionService/Sessions/${id}`, { method: 'DELETE', headers })
      }
    },
    sessions: () => simulation.state.sessions,
    requests: () => simulation.requests,
    resets: () => simulation.resets.map(({ resetType }) => resetType),
    stop: () => simulator.close(),
    async close() {
      simulation.faults.clear()
      try {
        await bmc.close({ signal: AbortSignal.timeout(2_000) })
      } catch (error) {
        // A test may have stopped the BMC, which then takes its sessions along.
        if (!(error instanceof BmcError)) throw error
      }
      await simulator.close()
    },
  }
}

for (const profile of contractProfiles)
  describeBmc(`the http client against a simulated BMC (${profile}) over HTTP`, {
    working: () => simulated({ tls: false, profile }),
    failing: () => simulated({ tls: false, profile }),
  })

describeBmc('the http client against a simulated BMC over HTTPS with its own CA', {
  working: () => simulated({ tls: true }),
})

describe('what a job costs', () => {
  test('the requests of one media boot stay under the published ceiling', async () => {
    const under = await simulated({ tls: false })
    try {
      const options = { signal: AbortSignal.timeout(10_000) }
      const { layout } = await under.bmc.discover(options)
      if (layout?.kind !== 'two-cds') throw new Error('no two slots')
      const before = under.requests().length
      expect(before).toBeLessThanOrEqual(9)
      await under.bmc.setBootOnceFromCd(options)
      expect(under.requests().length - before).toBeLessThanOrEqual(3)
    } finally {
      await under.close()
    }
  })
})
