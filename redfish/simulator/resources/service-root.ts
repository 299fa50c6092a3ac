/** `/redfish` and the service root: the only documents that are there for everybody. */
import type { Bmc } from '../bmc.ts'
import { type Branch, branch, link, ok } from './resource.ts'

export const rootPath = '/redfish/v1'

export function serviceRoot(bmc: Bmc): Branch {
  const { profile } = bmc
  return branch({
    '/redfish': { open: ['GET'], methods: { GET: () => ok({ v1: `${rootPath}/` }) } },
    [rootPath]: {
      open: ['GET'],
      methods: {
        GET: () =>
          ok({
            '@odata.id': `${rootPath}/`,
            '@odata.type': '#ServiceRoot.v1_15_0.ServiceRoot',
            Id: 'RootService',
            Name: 'Root Service',
            RedfishVersion: profile.redfishVersion,
            UUID: bmc.uuid,
            Vendor: profile.vendor,
            Product: profile.product,
            ProtocolFeaturesSupported: {
              FilterQuery: false,
              SelectQuery: false,
              OnlyMemberQuery: false,
              ExcerptQuery: false,
            },
            Systems: link(`${rootPath}/Systems`),
            Managers: link(`${rootPath}/Managers`),
            Chassis: link(`${rootPath}/Chassis`),
            SessionService: link(`${rootPath}/SessionService`),
            Links: { Sessions: link(`${rootPath}/SessionService/Sessions`) },
          }),
      },
    },
  })
}
