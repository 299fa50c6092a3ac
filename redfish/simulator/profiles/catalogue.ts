/** The profiles by name. */
import { generic } from './generic.ts'
import type { Profile } from './profile.ts'

export const profiles = { generic } as const satisfies Record<string, Profile>
export type ProfileName = keyof typeof profiles
