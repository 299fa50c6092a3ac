/** From a registered server to a client of its BMC: credentials, TLS policy, mode. */
import type { BmcAccess } from '../../actors/bmcs/access.ts'
import type { OpenedAccess } from '../../actors/bmcs/clients.ts'
import { StepFailure } from '../../actors/failure.ts'
import type { BmcAccount } from '../../eventstore/ledgers/bmc-sessions.ts'
import type { Bmc, TlsPolicy } from '../../redfish/bmc.ts'
import { createHttpBmc } from '../../redfish/client/client.ts'
import type { ExchangeObservation, Limits, RequestObservation } from '../../redfish/client/options.ts'
import { readCertificateFingerprint } from '../../redfish/client/wire/tls.ts'
import { createNoopBmc } from '../../redfish/noop.ts'
import type { SessionLedger } from '../../redfish/session-ledger.ts'
import type { Config } from '../settings/config.ts'

export type BmcAccessOptions = {
  readonly config: Config
  readonly access: (serial: string) => Promise<BmcAccess>
  readonly onRequest: (observation: RequestObservation, vendor: string) => void
  /** `prepare` reads from the database whether a server is being recorded; `observe` keeps the exchanges of those that are. */
  readonly recorder: {
    readonly prepare: (serial: string) => Promise<void>
    readonly observe: (serial: string, exchange: ExchangeObservation) => void
  }
  /** True while this process may write to a server's BMC; the client asks before each write. */
  readonly mayWrite: (serial: string) => boolean
  /** The ledger of the sessions on a BMC: it outlives this process. */
  readonly sessions: (account: BmcAccount) => SessionLedger
  /** Override the client's own waits: a simulated BMC is quicker than a real one. */
  readonly limits?: Partial<Limits>
}

export type BmcAccessor = {
  readonly access: (serial: string) => Promise<BmcAccess>
  readonly open: (access: OpenedAccess) => Bmc
  /** Trust on first use: the certificate's fingerprint of a server with mode `pinned` and nothing pinned yet; null otherwise. */
  readonly firstFingerprint: (serial: string, signal: AbortSignal) => Promise<string | null>
}

export function createBmcAccess({
  config,
  access,
  onRequest,
  recorder,
  mayWrite,
  sessions,
  limits = {},
}: BmcAccessOptions): BmcAccessor {
  return {
    access: async (serial) => {
      const [given] = await Promise.all([access(serial), recorder.prepare(serial)])
      const { tls } = given.registration
      if (config.redfishMode === 'noop' || tls.mode !== 'pinned' || tls.fingerprint !== null) return given
      throw new StepFailure({
        kind: 'tls',
        message: `no certificate of ${serial}'s BMC is pinned yet: probe the server first`,
      })
    },

    open: ({ registration, credentials, learned, onLearned }) => {
      const { serial, bmc_address: address, credentials_ref: credentialsRef, vendor } = registration
      if (config.redfishMode === 'noop') return createNoopBmc({ serial })
      return createHttpBmc({
        address,
        serial,
        mayWrite: () => mayWrite(serial),
        ...credentials,
        ...(vendor === null ? {} : { vendorHint: vendor }),
        tls: config.redfishInsecureTls
          ? { mode: 'insecure', legacy: registration.tls.legacy }
          : (registration.tls as TlsPolicy),
        limits: { connectTimeoutMs: config.redfishConnectTimeoutMs, readTimeoutMs: config.redfishTimeoutMs, ...limits },
        retries: { attemptsMax: config.redfishRetries + 1 },
        learned,
        onLearned,
        switchOnMedia: config.redfishSwitchOnMedia,
        onRequest: (observation) => onRequest(observation, vendor ?? 'unknown'),
        onExchange: (exchange) => recorder.observe(serial, exchange),
        sessions: sessions({ serial, address, credentialsRef }),
      })
    },

    firstFingerprint: async (serial, signal) => {
      const { registration } = await access(serial)
      if (config.redfishMode === 'noop' || registration.tls.mode !== 'pinned' || registration.tls.fingerprint !== null)
        return null
      const { bmc_address: address, tls } = registration
      const target = { address, connectTimeoutMs: config.redfishConnectTimeoutMs, legacy: tls.legacy }
      return readCertificateFingerprint(target, { signal })
    },
  }
}
