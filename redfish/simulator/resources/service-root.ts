/** `/redfish` and the service root: the only documents that need no authentication. */
import type { Bmc } from '../bmc/bmc.ts'
import type { JsonObject } from '../bmc/reply.ts'
import { type Branch, branch, link, ok, rootPath } from './resource.ts'

export function serviceRoot(bmc: Bmc): Branch {
  return branch({
    '/redfish': { open: ['GET'], methods: { GET: () => ok({ v1: `${rootPath}/` }) } },
    [rootPath]: { open: ['GET'], methods: { GET: () => ok(shapedDocument(bmc)) } },
  })
}

function shapedDocument(bmc: Bmc): JsonObject {
  const base = document(bmc)
  return bmc.profile.documents?.root?.(base, bmc) ?? base
}

function document({ profile, uuid }: Bmc): JsonObject {
  const sessions = {
    SessionService: link(`${rootPath}/SessionService`),
    Links: { Sessions: link(`${rootPath}/SessionService/Sessions`) },
  }
  return {
    '@odata.id': `${rootPath}/`,
    '@odata.type': '#ServiceRoot.v1_15_0.ServiceRoot',
    Id: 'RootService',
    Name: 'Root Service',
    RedfishVersion: profile.redfishVersion,
    UUID: uuid,
    ...(profile.vendor === null ? {} : { Vendor: profile.vendor }),
    ...(profile.product === null ? {} : { Product: profile.product }),
    ProtocolFeaturesSupported: {
      FilterQuery: false,
      SelectQuery: false,
      OnlyMemberQuery: false,
      ExcerptQuery: false,
    },
    Systems: link(`${rootPath}/Systems`),
    Managers: link(`${rootPath}/Managers`),
    Chassis: link(`${rootPath}/Chassis`),
    ...(profile.sessions.offered ? sessions : { Links: {} }),
  }
}
