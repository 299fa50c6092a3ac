// Another project's Redfish client, unmodified out of Debian's packages, against the simulator.
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type SimulatedBmc, startSimulator } from '../../../redfish/simulator/server.ts'
import { tool } from '../../debian-tools.ts'
import { type Site, startSite } from './site.ts'

const run = promisify(execFile)
const script = resolve(import.meta.dirname, 'sushy-client.py')
const deadlineMs = 60_000
let site: Site

beforeEach(async () => {
  site = await startSite()
  site.images.set('/token/boot.iso', Buffer.from('any bytes'))
})

afterEach(async () => {
  await site.close()
})

async function runSushy(bmc: SimulatedBmc): Promise<Record<string, unknown>> {
  const folder = await mkdtemp(join(tmpdir(), 'simulator-sushy-'))
  try {
    const args = [script, bmc.url, bmc.username, bmc.password, `${site.url}/token/boot.iso`]
    if (bmc.certificate !== null) {
      const caFile = join(folder, 'bmc.pem')
      await writeFile(caFile, bmc.certificate)
      args.push(caFile)
    }
    const { command, env } = await tool('python3')
    // requests prefers these to what sushy tells it to verify with, and would send our addresses to a proxy.
    const own = { ...env, REQUESTS_CA_BUNDLE: undefined, CURL_CA_BUNDLE: undefined, NO_PROXY: '127.0.0.1' }
    const { stdout } = await run(command, args, { env: own, timeout: deadlineMs })
    return Object.fromEntries(Object.entries(JSON.parse(stdout)))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

test.each([
  ['HTTP', false],
  ['HTTPS with the certificate verified', true],
])(
  'sushy logs in, lists, inserts, boots once from CD, resets, ejects and logs out over %s',
  {
    // The first run may have to unpack Debian packages.
    timeout: 6 * deadlineMs,
  },
  async (_what, tls) => {
    const simulator = await startSimulator({
      bmcs: [{ serial: 'SN-SUSHY', username: 'admin', password: 'sushy-password' }],
      tls,
      speed: 20,
    })
    try {
      const bmc = simulator.bmc('SN-SUSHY')
      expect(await runSushy(bmc)).toEqual({
        session: '/redfish/v1/SessionService/Sessions/1',
        systems: ['1'],
        managers: ['BMC'],
        serial: 'SN-SUSHY',
        managed_by: ['BMC'],
        chassis: ['1'],
        slots: ['CD1', 'CD2'],
        media_types: ['CD', 'DVD'],
        inserted: { image: `${site.url}/token/boot.iso`, image_name: 'boot.iso', connected: 'URI' },
        override: { enabled: 'Once', target: 'Cd', mode: 'UEFI' },
        power_before: 'On',
        power_after: 'On',
        refused: { status: 409, code: 'Base.1.16.ActionParameterValueConflict' },
        ejected: { image: null, connected: 'NotConnected' },
        logged_out: true,
      })
      expect(bmc.state.sessions).toBe(0)
      expect(bmc.resets.map(({ resetType }) => resetType)).toEqual(['ForceRestart', 'ForceOff', 'On'])
      const refused = bmc.requests.filter(({ status }) => status === null || status >= 400)
      expect(refused.map(({ status }) => status)).toEqual([409])
    } finally {
      await simulator.close()
    }
  },
)
