import type { ProfileName } from '../../../redfish/simulator/profiles/catalogue.ts'

/** The simulated BMCs on which the client keeps the whole contract of `Bmc`. To be widened until it is all of them. */
export const contractProfiles: readonly ProfileName[] = ['generic']
