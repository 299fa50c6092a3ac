/** The ways from older versions of a server's events to their newest (../upcast.ts). */
import type { Upcasts } from '../upcast.ts'
import { describedToday, type FirstDescriptionData } from './description.ts'

type Probed = { readonly description: FirstDescriptionData }

export const serverUpcasts: Upcasts = {
  'server.probe.succeeded': {
    1: (data) => ({ ...(data as Probed), description: describedToday((data as Probed).description) }),
  },
  /** Version 1 recorded no warnings. */
  'server.cleanup.succeeded': { 1: (data) => ({ ...(data as object), warnings: null }) },
}
