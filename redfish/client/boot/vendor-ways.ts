/**
 * Boots the virtual CD once where the boot override cannot: by a vendor's own action, or by a flag on the slot that holds
 * the medium (quirks.md 6, 8).
 */

import { refusalOf } from '../answers/refusal.ts'
import type { Call } from '../call.ts'
import { bodySetting, valueAt } from '../documents/pointer.ts'
import { type Doc, docAt } from '../documents/resource.ts'
import { searchSlots } from '../media/slot-search.ts'
import { BOOT_WAYS, type BootWayName } from '../quirks/boot-ways.ts'
import { BOOT_FLAGS } from '../quirks/switches.ts'
import type { Answer } from '../service/answer.ts'
import type { Service } from '../service/service.ts'
import { followTask } from '../service/tasks.ts'
import type { Located } from '../system/locate.ts'

/**
 * Boots once from the virtual CD in the vendor's own way, and resolves when the BMC's job for it has ended well: the
 * boot override does not show it. Safe to repeat. Rejects with `unsupported` where no Manager has the action.
 */
export async function bootInOwnWay(service: Service, call: Call, located: Located, name: BootWayName): Promise<void> {
  const way = BOOT_WAYS[name]
  for (const manager of await located.managers(call)) {
    const action = ownAction(manager, name)
    if (action === null) continue
    const target = service.follow(call, action['target'], manager.path)
    await followTask(service, call, await service.post(call, target, { body: way.body, repeat: 'always' }))
    return
  }
  const detail = 'the boot override of this firmware does not reach virtual media, and the action that does is missing'
  const failure = { kind: 'unsupported', retry: false, action: 'boot from CD', detail } as const
  throw service.fail(call, failure, { method: 'GET', target: located.system.path })
}

/** True when one of the Managers has the action of a vendor's own way. */
export function hasOwnWay(managers: readonly Answer[], name: BootWayName): boolean {
  return managers.some((manager) => ownAction(manager, name) !== null)
}

function ownAction(manager: Answer, name: BootWayName): Doc | null {
  const actions = docAt(docAt(manager.doc, 'Actions'), 'Oem')
  const key = Object.keys(actions).find((candidate) => candidate.endsWith(BOOT_WAYS[name].action))
  return key === undefined ? null : docAt(actions, key)
}

/**
 * Sets the flag of the slot that holds a CD image, where it has one, and reads it back. False where no filled slot has
 * such a flag or the BMC refuses it.
 */
export async function flagSlotForBoot(service: Service, call: Call, located: Located): Promise<boolean> {
  const { best } = await searchSlots(service, call, located)
  const slot = best?.slots.find(({ inserted, takes }) => inserted && takes.includes('cd'))
  if (slot === undefined) return false
  const current = await service.read(call, slot.id)
  const flag = BOOT_FLAGS.map((row) => row.flag).find(
    (pointer) => valueAt({ slot: current.doc }, pointer) !== undefined,
  )
  if (flag === undefined) return false
  const isSet = async () => valueAt({ slot: (await service.read(call, slot.id)).doc }, flag) === true
  try {
    const write = { body: bodySetting(flag, true), repeat: 'after-look', look: isSet } as const
    await followTask(service, call, await service.patch(call, current, write))
  } catch (error) {
    if (refusalOf(error) === null) throw error
    return false
  }
  return isSet()
}
