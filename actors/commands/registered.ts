/** The check that a command's server is registered. */
import type { Actor } from '../../eventstore/log/actors.ts'
import { unknownServer } from '../refusals.ts'

/** The actor of a registered server. @throws Refused unknown_server for an unknown or removed server. */
export function registered(actor: Actor<'server'> | null, serial: string): Actor<'server'> {
  if (actor === null || actor.snapshot.matches('removed')) throw unknownServer(serial)
  return actor
}
