import { describe, expect, test } from 'vitest'
import { createHttpBmc } from '../../../../redfish/client/client.ts'
import { BmcError } from '../../../../redfish/failure.ts'
import type { ProfileName } from '../../../../redfish/simulator/profiles/catalogue.ts'
import { startSimulator } from '../../../../redfish/simulator/server.ts'
import { patience } from '../../../rig/patience.ts'
import { describeBmc, type FailingBmc } from '../../bmc-contract.ts'
import { QUICK_LIMITS, QUICK_RETRIES } from '../../rig/quick.ts'
import { contractProfiles, traitsOf } from './profiles.ts'

const SERIAL = 'SIM0001'

/** Long enough for AMI to show its slots, which is a pause, and for iDRAC10 to switch on again; five reads run out one after the other. */
const LIMITS = {
  ...QUICK_LIMITS,
  readTimeoutMs: 3_000,
  mediaSwitchSettleMs: 1_000,
  stateConflictMs: 8_000,
}

/** Ends all sessions by means of one of its own: not every BMC takes Basic. */
async function deleteSessions(url: string, account: { readonly username: string; readonly password: string }) {
  const sessions = `${url}/redfish/v1/SessionService/Sessions`
  const opened = await fetch(sessions, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'OData-Version': '4.0' },
    body: JSON.stringify({ UserName: account.username, Password: account.password }),
  })
  await opened.body?.cancel()
  const own = Number(opened.headers.get('location')?.match(/(\d+)\/?$/)?.[1])
  const headers = { 'X-Auth-Token': opened.headers.get('x-auth-token') ?? '' }
  for (let id = 1; id <= own; id++) await fetch(`${sessions}/${id}`, { method: 'DELETE', headers })
}

async function simulated({ tls, profile = 'generic' }: { tls: boolean; profile?: ProfileName }): Promise<FailingBmc> {
  const account = { username: 'operator', password: 'hunter2-hunter2' }
  const simulator = await startSimulator({
    tls,
    // A host that is off for a moment has to be seen so, by a process that a busy machine stops now and then.
    speed: 20,
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
      // AMI's slots are hidden until then.
      switchOnMedia: true,
      limits: LIMITS,
      retries: QUICK_RETRIES,
    })
  const bmc = client(account.password)
  return {
    bmc,
    serial: SERIAL,
    traits: traitsOf(profile),
    password: account.password,
    fault: (fault) => simulation.faults.add(fault),
    withPassword: client,
    endSessions: () => deleteSessions(simulation.url, account),
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
      const options = { signal: patience() }
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
