/** The profiles by name. */
import type { Bmc } from '../bmc/bmc.ts'
import { ami } from './ami/ami.ts'
import { ciscoCimc } from './cisco.ts'
import { generic } from './generic.ts'
import { idrac9, idrac9Old, idrac10 } from './idrac/idrac.ts'
import { ilo5, ilo6 } from './ilo/ilo.ts'
import { ilo4 } from './ilo/ilo4.ts'
import { irmc } from './irmc.ts'
import { openbmc, openbmcNvidia } from './openbmc.ts'
import type { Profile } from './profile.ts'
import { supermicroX11, supermicroX13 } from './supermicro/supermicro.ts'
import { sushyTools } from './sushy-tools.ts'
import { xcc } from './xcc.ts'

export const profiles = {
  generic,
  'idrac9-old': idrac9Old,
  idrac9,
  idrac10,
  ilo4,
  ilo5,
  ilo6,
  xcc,
  'supermicro-x11': supermicroX11,
  'supermicro-x13': supermicroX13,
  ami,
  openbmc,
  'openbmc-nvidia': openbmcNvidia,
  'cisco-cimc': ciscoCimc,
  irmc,
  'sushy-tools': sushyTools,
} as const satisfies Record<string, Profile<Bmc>>

export type ProfileName = keyof typeof profiles

/** True if a profile has this name. */
export function isProfileName(name: string): name is ProfileName {
  return Object.hasOwn(profiles, name)
}
