/**
 * The http client: `Bmc` over Redfish. Start reading here. The rooms in reading order, from the outside in:
 *
 * 1. `discovery/`, `media/`, `boot/`, `power/`: the operations. Each first finds the System by `system/`.
 * 2. `service/`: documents that are read, written, followed, and handed from one operation to the next.
 * 3. `requests/`: credentials, sessions, repeated attempts, one request at a time.
 * 4. `answers/`: the meaning of an answer, as outcome, retry, refusal and precondition. Pure.
 * 5. `documents/`: careful reading of JSON. Pure.
 * 6. `wire/`: one HTTP exchange, its bounds and its redaction.
 *
 * `quirks/` has the differences between BMCs as data. A room uses those that come after it; `call.ts` (one operation
 * under way), `memory.ts` (learned facts) and `options.ts` serve all of them.
 */
import { setTimeout as sleepFor } from 'node:timers/promises'
import type { Bmc } from '../bmc.ts'
import { BmcError } from '../failure.ts'
import { createBoot } from './boot/set-and-clear.ts'
import type { Call } from './call.ts'
import { createDiscovery } from './discovery/discover.ts'
import { createRecognition } from './discovery/recognition.ts'
import { readTree } from './discovery/tree.ts'
import { createMedia } from './media/insert-and-eject.ts'
import { createMemory } from './memory.ts'
import { DEFAULT_LIMITS, DEFAULT_RETRIES, type HttpBmcOptions, type Surroundings } from './options.ts'
import { createPower } from './power/switch-and-restart.ts'
import { ROOT_PATH } from './requests/sessions-link.ts'
import { createService } from './service/service.ts'
import { type Located, locate, locateAsLearned } from './system/locate.ts'
import { createTransport } from './wire/transport.ts'

const REAL_SURROUNDINGS: Surroundings = {
  now: Date.now,
  sleep: async (ms, signal) => {
    await sleepFor(ms, undefined, { signal })
  },
  random: Math.random,
}

/**
 * Creates a client for one BMC. It sends nothing until the first operation; then it opens one session that all
 * operations share, until `close`. The client keeps the place of the System until the next `discover`, and takes it from
 * earlier clients (`learned`) as long as the System is there.
 * @throws TypeError when the address is not an http or https URL.
 */
export function createHttpBmc(options: HttpBmcOptions): Bmc {
  const address = new URL(options.address)
  if (address.protocol !== 'https:' && address.protocol !== 'http:') {
    throw new TypeError(`a BMC address starts with https:// (or http://), not ${address.protocol}`)
  }
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const retries = { ...DEFAULT_RETRIES, ...options.retries }
  const surroundings = { ...REAL_SURROUNDINGS, ...options.surroundings }
  const transport = createTransport({ address: options.address, tls: options.tls, limits })
  const memory = createMemory(options.learned ?? {}, options.onLearned)
  const service = createService(options, { transport, limits, retries, surroundings, memory })

  let known: Located | null = null
  const locateAnew = async (call: Call): Promise<Located> => {
    known = await locate(service, call, options)
    transport.prefer(known.profile.connection)
    return known
  }
  const locateFor = async (call: Call): Promise<Located> => {
    known ??= await locateAsLearned(service, call, options)
    return known ?? locateAnew(call)
  }

  const found = (located: Located) => {
    known = located
  }
  const power = createPower(service, locateFor)
  const secured = { tls: options.tls, secure: address.protocol === 'https:' }
  return {
    ...createRecognition(service, {
      ...options,
      ...secured,
      found,
    }),
    ...createDiscovery(service, {
      locateAnew,
      found,
      ...secured,
      switchOnMedia: options.switchOnMedia ?? false,
      ...(options.serial === undefined ? {} : { serial: options.serial }),
    }),
    readTree: ({ signal }) => readTree(service, service.begin('readTree', { signal })),
    async ping({ signal }) {
      const call = service.begin('ping', { signal })
      const { doc, path } = await service.probe(call, ROOT_PATH).catch((error: unknown) => {
        // Some BMCs demand credentials even for their root (quirks.md 11).
        if (error instanceof BmcError && error.failure.kind === 'unauthorized') return service.read(call, ROOT_PATH)
        throw error
      })
      if (doc['RedfishVersion'] !== undefined || doc['Systems'] !== undefined) return
      const failure = { kind: 'malformed', retry: false, path, detail: 'not a Redfish service root' } as const
      throw service.fail(call, failure, { method: 'GET', target: path })
    },
    ...createMedia(service, locateFor),
    ...createBoot(service, locateFor),
    ...power,
    endLostSessions: ({ signal }) => service.endLostSessions(service.begin('endLostSessions', { signal })),
    forgetRead() {
      service.handover.clear()
      power.forgetRead()
    },
    close: ({ signal }) => service.close(service.begin('close', { signal })),
  }
}
