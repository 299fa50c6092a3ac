/** The links from the System and the Manager to the VirtualMedia collections. */
import type { Bmc } from '../bmc/bmc.ts'
import type { JsonObject } from '../bmc/reply.ts'
import { link } from './resource.ts'

/** The `VirtualMedia` property of the System or the Manager, or nothing where it has none. */
export function mediaLinkOf(bmc: Bmc, from: 'system' | 'manager'): JsonObject {
  const linked = bmc.profile.mediaCollections.find(({ linkedFrom }) => linkedFrom.includes(from))
  return linked === undefined ? {} : { VirtualMedia: link(bmc.mediaPath(linked)) }
}
