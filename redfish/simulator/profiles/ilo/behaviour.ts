/** Behaviour of iLO 4 to iLO 6: redirects, mandatory bodies, POST, one reset at a time. */
import type { Bmc } from '../../bmc/bmc.ts'
import type { Slot } from '../../bmc/media.ts'
import { refuse } from '../../bmc/messages.ts'
import type { BmcRequest, Reply } from '../../bmc/reply.ts'
import type { WireRequest } from '../../bmc/wire.ts'
import { checkInsert, ejectImage, insertImage } from '../../resources/insertion.ts'
import { branch, checkKnown, objectBody, type Resource } from '../../resources/resource.ts'
import type { Behaviour } from '../profile.ts'
import { part } from '../shape.ts'
import type { OemKey } from './documents.ts'
import { type IloMessage, iloMessage } from './messages.ts'

/** For this long after a reset the next one is refused. */
const resetSettlesMs = 1_500

export function behaviour(
  bmc: Bmc,
  { key, registry, base }: { readonly key: OemKey; readonly registry: string; readonly base: string },
): Behaviour {
  const own = (name: IloMessage, ...args: string[]) => refuse(400, { key: iloMessage(registry, name), args })
  let resetting = false
  let booted: Slot | null = null
  return {
    intercept: redirectRoot,
    filter: ({ method, body }) =>
      (method === 'POST' || method === 'PATCH') && body.length === 0 ? unsupportedMediaType(base) : null,
    insert: (slot) => (slot.request === null ? null : own('MaxVirtualMediaConnectionEstablished')),
    eject: (slot) => (slot.request === null ? own('NoVirtualMediaConnectionAvailable') : null),
    changeBoot: (boot) =>
      bmc.host.status === 'firmware' && bmc.power.state === 'On'
        ? own('UnableToModifyDuringSystemPOST', Object.keys(boot)[0] ?? 'Boot')
        : null,
    reset: (type) => {
      if (resetting) return own('ResetInProgress')
      const off = bmc.power.state === 'Off'
      if (type !== 'PushPowerButton' && off !== (type === 'On'))
        return own('InvalidOperationForSystemState', off ? 'Power is off' : 'Power is on')
      resetting = true
      bmc.later(resetSettlesMs, () => {
        resetting = false
      })
      return null
    },
    changeSlot: (slot, body) => {
      if (!('Oem' in body)) return null
      const wanted = part(part(body, 'Oem'), key)['BootOnNextServerReset']
      if (Object.keys(body).length > 1 || typeof wanted !== 'boolean' || !slot.profile.mediaTypes.includes('CD'))
        return refuse(400, { key: 'PropertyValueTypeError', args: [JSON.stringify(wanted ?? null), 'Oem'] })
      if (wanted) bmc.bootsOnNextReset.add(slot)
      else bmc.bootsOnNextReset.delete(slot)
      return bmc.profile.messages.done
    },
    // The host boots from this medium once; the boot after that one ejects it (quirks.md 6).
    bootsFromCd: () => {
      booted?.eject()
      booted = bmc.slots.find((slot) => bmc.bootsOnNextReset.delete(slot)) ?? null
      return booted !== null
    },
    resources: branch(oemActions(bmc, key)),
  }
}

/** iLO redirects `GET /redfish/v1` to the path with a slash (quirks.md 2). */
function redirectRoot({ method, path }: WireRequest): Reply | null {
  if (path !== '/redfish/v1' || (method !== 'GET' && method !== 'HEAD')) return null
  return { status: 308, headers: { location: '/redfish/v1/' } }
}

/** Extended information that is an object (fixtures/errors/ilo/415-ext-info-is-object.json). */
function unsupportedMediaType(base: string): Reply {
  return {
    status: 415,
    body: {
      error: {
        code: `${base}.GeneralError`,
        message: 'A general error has occurred. See ExtendedInfo for more information.',
        '@Message.ExtendedInfo': {
          '@odata.type': '#Message.v1_0_0.Message',
          MessageId: `${base}.GeneralError`,
          Message: 'A general error has occurred. See Resolution for information on how to resolve the error.',
          Resolution: 'Redfish request contains unsupported media type. Correct the request body and resubmit.',
          Severity: 'Warning',
        },
      },
    },
  }
}

/** InsertVirtualMedia and EjectVirtualMedia: the only media actions of iLO 4, which later generations kept. */
function oemActions(bmc: Bmc, key: OemKey): Readonly<Record<string, Resource>> {
  return Object.fromEntries(
    bmc.slots.flatMap((slot): [string, Resource][] => {
      const path = `${bmc.paths.manager}/VirtualMedia/${slot.profile.name}/Actions/Oem/${key}/${key}iLOVirtualMedia`
      const insert = async (request: BmcRequest): Promise<Reply> => {
        const read = objectBody(request)
        if ('refusal' in read) return read.refusal
        const refusal = checkKnown(read.body, ['Image']) ?? checkInsert(bmc, read.body, request.path)
        return refusal ?? (await insertImage(bmc, slot, read.body, request.path))
      }
      const eject = (request: BmcRequest): Reply => {
        const read = objectBody(request)
        return 'refusal' in read ? read.refusal : (checkKnown(read.body, []) ?? ejectImage(bmc, slot))
      }
      return [
        [`${path}.InsertVirtualMedia`, { methods: { POST: insert } }],
        [`${path}.EjectVirtualMedia`, { methods: { POST: eject } }],
      ]
    }),
  )
}
