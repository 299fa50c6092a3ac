/** Slots that make a controller choose each of the three media layouts (spec/redfish.md "Discovery"). */

import type { SlotProfile } from '../bmc/traits.ts'
import type { Profile } from './profile.ts'

export const slotLayouts = {
  'two-cds': [
    { name: 'CD1', mediaTypes: ['CD', 'DVD'] },
    { name: 'CD2', mediaTypes: ['CD', 'DVD'] },
  ],
  'cd-and-usb': [
    { name: 'CD1', mediaTypes: ['CD', 'DVD'] },
    { name: 'USB1', mediaTypes: ['Floppy', 'USBStick'] },
  ],
  'single-cd': [{ name: 'CD1', mediaTypes: ['CD', 'DVD'] }],
} as const satisfies Record<string, readonly SlotProfile[]>

export type SlotLayout = keyof typeof slotLayouts

/** The profile with other slots, all of them in the Manager's collection. */
export function withSlots<Bmc>(profile: Profile<Bmc>, slots: readonly SlotProfile[]): Profile<Bmc> {
  const names = slots.map(({ name }) => name)
  const collection = {
    under: 'manager',
    segment: 'VirtualMedia',
    slots: names,
    linkedFrom: ['system', 'manager'],
  } as const
  return { ...profile, slots, mediaCollections: [collection] }
}
