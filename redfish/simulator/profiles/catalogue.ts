/** The profiles by name. */
import { generic } from './generic.ts'
import { idrac9, idrac9Old, idrac10 } from './idrac.ts'
import { ilo5, ilo6 } from './ilo.ts'
import { ilo4 } from './ilo4.ts'
import type { Profile } from './profile.ts'
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
} as const satisfies Record<string, Profile>

export type ProfileName = keyof typeof profiles
