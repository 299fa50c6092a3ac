/** Runs a test with a raw server and a client of it, and closes both. */
import type { Bmc } from '../../../redfish/bmc.ts'
import { createHttpBmc } from '../../../redfish/client/client.ts'
import type { HttpBmcOptions } from '../../../redfish/client/options.ts'
import { BmcError } from '../../../redfish/failure.ts'
import { patience } from '../../rig/patience.ts'
import { QUICK_LIMITS, QUICK_RETRIES } from './quick.ts'
import { type RawHandler, type RawServer, startRawServer } from './raw-server.ts'

export const PASSWORD = 'p4ssw0rd-of-the-test'

export async function withServer(
  handler: RawHandler,
  run: (parts: { bmc: Bmc; server: RawServer; signal: AbortSignal }) => Promise<void>,
  options: Partial<HttpBmcOptions> = {},
): Promise<void> {
  const server = await startRawServer(handler)
  const bmc = createHttpBmc({
    address: server.url,
    username: 'operator',
    password: PASSWORD,
    tls: { mode: 'system' },
    retries: { ...QUICK_RETRIES, attemptsMax: 3 },
    ...options,
    limits: { ...QUICK_LIMITS, ...options.limits },
  })
  try {
    await run({ bmc, server, signal: patience() })
  } finally {
    await closeAnyway(bmc)
    await server.close()
  }
}

/** Some of these servers do not answer a DELETE either. */
async function closeAnyway(bmc: Bmc): Promise<void> {
  try {
    await bmc.close({ signal: AbortSignal.timeout(2_000) })
  } catch (error) {
    if (!(error instanceof BmcError)) throw error
  }
}
