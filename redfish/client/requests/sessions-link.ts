/** The collection that logins go to: as an earlier client learned it, else by a look at the service root. */
import { isDoc, linkOf, linksOf } from '../documents/resource.ts'
import type { Memory } from '../memory.ts'
import type { WireAnswer } from '../wire/transport.ts'
import type { Send } from './send.ts'

/** DSP0266 "Service root". With the slash: HPE redirects `/redfish/v1` to it (quirks.md 2). */
export const ROOT_PATH = '/redfish/v1/'

export type SessionsLink = {
  /** The link, or null where the root has none or cannot be read. */
  find(signal: AbortSignal): Promise<string | null>
  /** From now on the link is read anew; false where it was not learned before, so that reading it gives the same. */
  lookAgain(): boolean
  /** The service root as `find` read it since the last call; null when it read none. */
  takeRoot(): WireAnswer | null
}

export function createSessionsLink({ send, memory }: { send: Send; memory: Memory }): SessionsLink {
  /** True once the learned collection turned out not to be there. */
  let moved = false
  let root: WireAnswer | null = null
  return {
    async find(signal) {
      const learned = moved ? undefined : memory.known().sessions
      if (learned !== undefined) return learned
      const answer = await send({ method: 'GET', path: ROOT_PATH }, { operation: 'logIn', attempt: 1, signal })
      if (answer.body.kind !== 'json' || !isDoc(answer.body.value)) return null
      root = answer
      const link = linkOf(linksOf(answer.body.value)['Sessions'])
      if (link !== null) memory.learn({ sessions: link })
      return link
    },
    lookAgain() {
      const again = !moved && memory.known().sessions !== undefined
      moved = true
      return again
    },
    takeRoot() {
      const taken = root
      root = null
      return taken
    },
  }
}
