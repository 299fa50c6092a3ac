/** Behaviour of iDRAC: refusals that depend on the power, on the other drive, on an image just ejected; moods. */
import type { Bmc } from '../../bmc/bmc.ts'
import type { Slot } from '../../bmc/media.ts'
import { refuse } from '../../bmc/messages.ts'
import type { Reply } from '../../bmc/reply.ts'
import { attach } from '../../resources/insertion.ts'
import { imageName } from '../../resources/virtual-media.ts'
import type { Behaviour } from '../profile.ts'
import { type Generation, managerSlotProfiles } from './generations.ts'
import { type IdracMessage, idracMessage } from './messages.ts'

/** Probabilities that a refused insert takes place all the same, and that a GET finds no data. */
const lateAttachProbability = 0.05
const noDataProbability = 0.01
/** The image of a refused insert was seen about 55 s later (quirks.md 6). */
const lateAttachMs = 55_000
/** About half of the minute that ironic retries for (quirks.md 9). */
const conflictAfterOffMs = 25_000

export function behaviour(bmc: Bmc, generation: Generation): Behaviour {
  const own = (
    status: number,
    name: IdracMessage,
    about: { args?: readonly string[]; related?: readonly string[] } = {},
  ) => refuse(status, { key: idracMessage(generation.registry, name), ...about })
  const strikes = (probability: number) => generation.moody && bmc.world.random() < probability
  let wentOff = 0
  let conflicting = false
  return {
    intercept: ({ method, path, header }) =>
      generation.moody && method === 'POST' && /\/Sessions\/?$/.test(path) && header('authorization') !== null
        ? own(400, 'SYS468')
        : null,
    filter: ({ method }) => (method === 'GET' && strikes(noDataProbability) ? own(503, 'SYS518') : null),
    unusable: () => own(400, 'RAC0720', { related: ['/Image'] }),
    insert: (slot, parameters) => {
      const image = String(parameters['Image'])
      if (!takes(slot, image)) return own(400, 'SYS453', { args: [imageName(image), slot.profile.name] })
      const underManager = managerSlotProfiles.some(({ name }) => name === slot.profile.name)
      if (underManager && generation.systemSlots.length > 0) return own(500, 'RAC0904')
      // The image is ejected, but the slot still shows it as inserted.
      if (slot.inserted && slot.medium === null) return own(500, 'SYS446')
      if (slot.request !== null) return own(400, 'VRM0012')
      if (underManager && bmc.slots.some(({ request }) => request !== null)) return own(400, 'VRM0021')
      if (!strikes(lateAttachProbability)) return null
      bmc.later(lateAttachMs, () => void attach(bmc, slot, parameters, image))
      return own(400, 'RAC0720', { related: ['/Image'] })
    },
    eject: (slot) => (slot.request === null ? own(500, 'VRM0009') : null),
    reset: (type): Reply | null => {
      const off = bmc.power.state === 'Off'
      if (type === 'PushPowerButton') return null
      if (!off && type === 'On') return own(409, 'PSU501')
      if (off && type !== 'On') return own(409, 'PSU502')
      if (conflicting && type === 'On')
        return refuse(409, { key: 'ActionParameterValueConflict', args: ['ResetType', type] })
      return null
    },
    powerBecame: (state) => {
      if (state !== 'Off' || !generation.refusesOnAfterOff) return
      wentOff += 1
      conflicting = true
      const time = wentOff
      bmc.later(conflictAfterOffMs, () => {
        if (time === wentOff) conflicting = false
      })
    },
  }
}

/** CD drives take .iso, removable ones .img, and those that are both take either (SYS453, quirks.md 4). */
function takes({ profile }: Slot, image: string): boolean {
  const name = imageName(image).toLowerCase()
  const isCd = profile.mediaTypes.includes('CD')
  const isStick = profile.mediaTypes.includes('USBStick')
  return (isCd && name.endsWith('.iso')) || (isStick && name.endsWith('.img'))
}
