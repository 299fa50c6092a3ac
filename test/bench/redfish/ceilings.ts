/**
 * The most that a BMC of each make is asked, in the parts of a job that requests are budgeted for: what is measured, so
 * that one request more is seen. The aim is 20 until the first job resets the host, 12 in a later one and 10 to clean up.
 * All of it within the session of the probe: hosts report in seconds here, before it is ended for lack of requests.
 */
import type { ProfileName } from '../../../redfish/simulator/profiles/catalogue.ts'
import type { ProfileRequests } from './measure.ts'

export type Ceiling = {
  readonly probe: number
  readonly first: number
  readonly later: number
  readonly cleanup: number
}

export const ceilings: Readonly<Record<ProfileName, Ceiling>> = {
  generic: { probe: 8, first: 10, later: 10, cleanup: 8 },
  'idrac9-old': { probe: 8, first: 7, later: 7, cleanup: 6 },
  idrac9: { probe: 9, first: 10, later: 11, cleanup: 9 },
  idrac10: { probe: 9, first: 11, later: 12, cleanup: 9 },
  ilo4: { probe: 8, first: 10, later: 10, cleanup: 8 },
  ilo5: { probe: 8, first: 10, later: 10, cleanup: 8 },
  ilo6: { probe: 8, first: 10, later: 10, cleanup: 8 },
  xcc: { probe: 11, first: 10, later: 10, cleanup: 10 },
  'supermicro-x11': { probe: 7, first: 11, later: 11, cleanup: 8 },
  'supermicro-x13': { probe: 10, first: 10, later: 10, cleanup: 8 },
  ami: { probe: 12, first: 8, later: 8, cleanup: 6 },
  openbmc: { probe: 10, first: 10, later: 10, cleanup: 8 },
  'openbmc-nvidia': { probe: 12, first: 11, later: 12, cleanup: 9 },
  'cisco-cimc': { probe: 8, first: 10, later: 10, cleanup: 8 },
  irmc: { probe: 8, first: 12, later: 12, cleanup: 9 },
  'sushy-tools': { probe: 8, first: 10, later: 10, cleanup: 10 },
}

/** Each part that has more than its ceiling, in words, and the requests of the job that it is in. */
export function overCeiling({ profile, probe, first, later }: ProfileRequests): readonly string[] {
  const asked: Ceiling = { probe, first: first.untilReset, later: later.untilReset, cleanup: later.cleanup }
  const most = ceilings[profile]
  const logs = { probe: [], first: first.log, later: later.log, cleanup: later.log }
  return (['probe', 'first', 'later', 'cleanup'] as const)
    .filter((part) => asked[part] > most[part])
    .map((part) =>
      [`${profile}: ${part} has ${asked[part]} requests, its ceiling is ${most[part]}`, ...logs[part]].join('\n  '),
    )
}
