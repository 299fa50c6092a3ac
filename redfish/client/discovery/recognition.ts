/**
 * Compares a BMC with an earlier discovery by few requests: it reads the System and the slots of the layout, and hands
 * them to the job's next steps.
 */
import type { Bmc, KnownBmc, MediaLayout } from '../../bmc.ts'
import type { Call } from '../call.ts'
import { textAt, textsAt } from '../documents/resource.ts'
import { requirePower } from '../power/reset-evidence.ts'
import { samePathKey } from '../service/collection.ts'
import type { Service } from '../service/service.ts'
import { type Located, locateAsLearned, type Wanted } from '../system/locate.ts'
import { type TlsOptions, tlsOf } from '../wire/tls-kind.ts'

export type RecognitionOptions = Wanted &
  TlsOptions & {
    /** Called with the System that was recognised. */
    readonly found: (located: Located) => void
  }

export function createRecognition(service: Service, options: RecognitionOptions): Pick<Bmc, 'recognise'> {
  /** False for a slot that is missing or changed its media types: it takes another form of medium. */
  async function isSlot(call: Call, slot: KnownBmc['slots'][number]): Promise<boolean> {
    const now = await service.readOptional(call, slot.id)
    if (now === null) return false
    const types = textsAt(now.doc, 'MediaTypes')
    if (types.length > 0 && types.join() !== slot.mediaTypes.join()) return false
    service.handover.leave(now)
    return true
  }

  return {
    async recognise({ serial, layout, slots }, { signal }) {
      const call = service.begin('recognise', { signal })
      const located = await locateAsLearned(service, call, options)
      if (located === null || textAt(located.system.doc, 'SerialNumber') !== serial) return null
      for (const id of slotsOf(layout)) {
        const slot = slots.find((known) => samePathKey(known.id) === samePathKey(id))
        if (slot === undefined || !(await isSlot(call, slot))) return null
      }
      options.found(located)
      return {
        power: requirePower(service, call, located.system, located.profile),
        session: service.authentication() === 'session' ? 'session' : 'basic',
        tls: tlsOf(options),
      }
    },
  }
}

function slotsOf(layout: MediaLayout): readonly string[] {
  return layout.kind === 'single-cd' ? [layout.maintenance] : [layout.maintenance, layout.task]
}
