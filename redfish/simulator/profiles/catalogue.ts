/** The profiles by name. */
import { generic } from './generic.ts'
import { idrac9, idrac9Old, idrac10 } from './idrac.ts'
import type { Profile } from './profile.ts'

export const profiles = {
  generic,
  'idrac9-old': idrac9Old,
  idrac9,
  idrac10,
} as const satisfies Record<string, Profile>

export type ProfileName = keyof typeof profiles
