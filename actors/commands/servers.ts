/** Commands of servers: registration, probe, power. */
import { readAccess } from '../bmcs/access.ts'
import { type BmcRequestOptions, createBmcRequests } from './bmc-requests.ts'
import { createRegistrationCommands, type RegistrationOptions } from './registration.ts'

export type ServerCommandsOptions = RegistrationOptions & BmcRequestOptions

export type ServerCommands = ReturnType<typeof createServerCommands>

/** All commands of servers, and the access to their BMCs. */
export function createServerCommands(options: ServerCommandsOptions) {
  return { ...createRegistrationCommands(options), ...createBmcRequests(options), access: readAccess(options) }
}
