/**
 * The host behind a recorded BMC. The recording has the BMC's answers about it. The simulated host itself boots, reads
 * its media and reports, because a job waits for that. Media and power follow the writes that the BMC accepted.
 */

import { Slot } from '../bmc/media.ts'
import { Power } from '../bmc/power.ts'
import { isObject, type Json } from '../bmc/reply.ts'
import type { ResetType } from '../bmc/traits.ts'
import { SimulatedHost } from '../host/host.ts'
import type { Outbound } from '../host/outbound.ts'
import { units } from '../host/workflow.ts'
import type { Background } from '../world/background.ts'
import type { Clock, Timing } from '../world/timing.ts'
import type { RecordedFile } from './file.ts'
import type { Sent } from './script.ts'

export type RecordedHost = {
  readonly host: SimulatedHost
  /** Call for every write that the BMC accepted, or whose answer was lost. `image` is a URL that the write named. */
  readonly wrote: (sent: Sent, image: string | null) => void
}

export type RecordedWorld = {
  readonly background: Background
  readonly outbound: Outbound
  readonly clock: Clock
  readonly timing: Timing
  readonly newId: () => string
}

const resetTypes: readonly string[] = [
  'On',
  'ForceOn',
  'ForceOff',
  'GracefulShutdown',
  'GracefulRestart',
  'ForceRestart',
  'PowerCycle',
  'PushPowerButton',
  'Nmi',
] satisfies readonly ResetType[]

export function createRecordedHost({ header }: RecordedFile, world: RecordedWorld): RecordedHost {
  const slots: Slot[] = []
  const inSlots = new Map<string, Slot>()
  const failed = header.job?.failed_unit ?? null
  const host = new SimulatedHost(
    {
      serial: header.serial,
      options: {
        ...(failed !== null && units.includes(failed) ? { failAt: failed } : {}),
        silent: header.job !== null && !header.job.reported,
      },
    },
    { ...world, slots, firmware: { takeOverride: () => (slots.some(({ medium }) => medium !== null) ? 'cd' : null) } },
  )
  const power = new Power(host, { ...world, initially: 'On' })

  const slotOf = (path: string): Slot => {
    const known = inSlots.get(path)
    if (known !== undefined) return known
    const slot = new Slot({ name: path, mediaTypes: ['CD', 'USBStick'] }, world)
    inSlots.set(path, slot)
    slots.push(slot)
    return slot
  }

  return {
    host,
    wrote: ({ path, body }, image) => {
      const owner = path.split('/Actions/')[0] ?? path
      const resetType = isObject(body) ? body['ResetType'] : undefined
      if (image !== null) slotOf(owner).insert({ ...nothingElse, image })
      else if (/Actions\/.*(?:eject|unmount)/i.test(path) || isEmptying(body)) inSlots.get(owner)?.eject()
      else if (isDisconnecting(body)) for (const slot of slots) slot.eject()
      else if (/\.Reset$/.test(path) && typeof resetType === 'string' && isResetType(resetType)) power.reset(resetType)
    },
  }
}

const nothingElse = { writeProtected: true, transferMethod: null, transferProtocolType: null, userName: null }

function isResetType(word: string): word is ResetType {
  return resetTypes.includes(word)
}

/** The body of iRMC's action, which belongs to the System instead of the slot (quirks.md 5). */
function isDisconnecting(body: Json): boolean {
  return isObject(body) && Object.values(body).some((word) => typeof word === 'string' && /^disconnect/i.test(word))
}

/** The body of a PATCH that empties a slot without an eject action (XCC, quirks.md 5). */
function isEmptying(body: Json): boolean {
  return isObject(body) && (body['Inserted'] === false || body['Image'] === null || body['Image'] === '')
}
