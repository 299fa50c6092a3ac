/** A server that commands may be about. */
import type { Actor } from '../../eventstore/log/actors.ts'
import { unknownServer } from '../refusals.ts'

/** The actor of a registered server. @throws Refused unknown_server for one that never was, or was removed. */
export function registered(actor: Actor<'server'> | null, serial: string): Actor<'server'> {
  if (actor === null || actor.snapshot.matches('removed')) throw unknownServer(serial)
  return actor
}
