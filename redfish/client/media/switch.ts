/**
 * Switches remote media on where a BMC hides its slots while it is off (quirks.md 5). Callers check that the operator
 * allows it.
 */
import type { Call } from '../call.ts'
import { valueAt } from '../documents/pointer.ts'
import { isDoc } from '../documents/resource.ts'
import { MEDIA_SWITCHES } from '../quirks/switches.ts'
import type { Service } from '../service/service.ts'
import { followTask } from '../service/tasks.ts'
import type { Located } from '../system/locate.ts'

/** True when a switch of remote media is off. */
export async function isMediaSwitchedOff(call: Call, located: Located): Promise<boolean> {
  const managers = await located.managers(call)
  return managers.some(({ doc }) => MEDIA_SWITCHES.some(({ state, off }) => valueAt({ manager: doc }, state) === off))
}

/**
 * Switches remote media on and waits for the time that the BMC needs to show its slots; false where there is no switch.
 * Safe to repeat: the client leaves a switch that is on alone, but waits as well, because a probe beside a job may have
 * switched it on a moment ago. Rejects with the BMC's refusal.
 */
export async function switchOnMedia(service: Service, call: Call, located: Located): Promise<boolean> {
  for (const manager of await located.managers(call)) {
    const documents = { manager: manager.doc }
    for (const row of MEDIA_SWITCHES) {
      const state = valueAt(documents, row.state)
      const settle = () => service.pause(call, Math.min(row.settleMs, service.limits.mediaSwitchSettleMs))
      if (state === row.on) {
        await settle()
        return true
      }
      if (state !== row.off) continue
      const action = row.actions.map((pointer) => valueAt(documents, pointer)).find(isDoc)
      if (action === undefined) continue
      const target = service.follow(call, action['target'], manager.path)
      await followTask(service, call, await service.post(call, target, { body: row.body, repeat: 'always' }))
      await settle()
      return true
    }
  }
  return false
}
