/** A System's power as one document tells it. */
import type { PowerObservation } from '../bmc.ts'
import type { Call } from '../client/call.ts'
import { powerObservation } from '../client/power/reset-evidence.ts'
import type { Profile } from '../client/quirks/match.ts'
import type { Answer, Service } from '../client/service/service.ts'

/** @throws BmcError `malformed` when the document does not tell the power state: nothing can be decided on it then. */
export function requirePower(service: Service, call: Call, system: Answer, profile: Profile): PowerObservation {
  const power = powerObservation(system.doc, profile)
  if (power !== null) return power
  const failure = { kind: 'malformed', retry: false, path: system.path, detail: 'PowerState is not a string' } as const
  throw service.fail(call, failure, { method: 'GET', target: system.path })
}
