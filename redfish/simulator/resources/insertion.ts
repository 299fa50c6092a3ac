/** Inserting an image into a slot and ejecting it, for all forms of request. */
import type { Bmc } from '../bmc/bmc.ts'
import type { Slot } from '../bmc/media.ts'
import { refuse } from '../bmc/messages.ts'
import type { Json, JsonObject, Reply } from '../bmc/reply.ts'
import { checkImage } from './image-check.ts'
import { quote } from './resource.ts'

const types: Readonly<Record<string, 'string' | 'boolean'>> = { Inserted: 'boolean', WriteProtected: 'boolean' }
const values: Readonly<Record<string, readonly Json[]>> = {
  // The action accepts only `true`, as in bmcweb.
  Inserted: [true],
  TransferMethod: ['Stream'],
  TransferProtocolType: ['HTTP', 'HTTPS'],
}

/** The refusal of parameters that are missing, of the wrong type or of a value that this BMC does not know, or null. */
export function checkInsert(bmc: Bmc, body: JsonObject, path: string): Reply | null {
  const missing = ['Image', ...bmc.profile.insertRequires].find((name) => body[name] === undefined)
  if (missing !== undefined)
    return refuse(400, { key: 'ActionParameterMissing', args: [path, missing], related: [`/${missing}`] })
  for (const [name, value] of Object.entries(body)) {
    const secret = name === 'Password' || name === 'UserName'
    const about = { args: [secret ? '' : quote(value), name, path], related: [`/${name}`] }
    if (typeof value !== (types[name] ?? 'string'))
      return refuse(400, { key: 'ActionParameterValueTypeError', ...about })
    if (values[name] !== undefined && !values[name].includes(value))
      return refuse(400, { key: 'ActionParameterValueNotInList', ...about })
  }
  return null
}

/** Puts the image of these parameters into the slot, or says why not. `path` is what the messages name. */
export async function insertImage(bmc: Bmc, slot: Slot, parameters: JsonObject, path: string): Promise<Reply> {
  const image = parameters['Image']
  if (typeof image !== 'string' || !isWebAddress(image))
    return refuse(400, {
      key: 'ActionParameterValueFormatError',
      args: [quote(image ?? null), 'Image', path],
      related: ['/Image'],
    })
  const { behaviour, profile } = bmc
  if (!bmc.licensed && profile.unlicensed !== undefined) return profile.unlicensed
  const refusal = (await behaviour.insert?.(slot, parameters, path)) ?? (await checkImage(bmc, image))
  if (refusal !== null) return refusal
  if (!attach(bmc, slot, parameters, image)) return refuse(409, { key: 'ResourceInUse' })
  return behaviour.inserted?.(slot) ?? profile.messages.done
}

/** Inserts the image without a check of the web server. False when the slot is in use or in transition. */
export function attach(bmc: Bmc, slot: Slot, parameters: JsonObject, image: string): boolean {
  const text = (name: string): string | null => {
    const value = parameters[name]
    return typeof value === 'string' ? value : null
  }
  const taken = slot.insert({
    image,
    writeProtected: parameters['WriteProtected'] !== false,
    transferMethod: text('TransferMethod') ?? 'Stream',
    transferProtocolType: text('TransferProtocolType') ?? new URL(image).protocol.slice(0, -1).toUpperCase(),
    userName: text('UserName'),
  })
  if (taken) bmc.lastImages.set(slot.profile.name, image)
  return taken
}

/** Takes the image out, or says why not. Ejecting an empty slot succeeds, unless the profile refuses it. */
export function ejectImage(bmc: Bmc, slot: Slot): Reply {
  const refusal = bmc.behaviour.eject?.(slot) ?? null
  if (refusal !== null) return refusal
  slot.eject()
  return bmc.profile.messages.done
}

function isWebAddress(image: string): boolean {
  return URL.canParse(image) && /^https?:$/.test(new URL(image).protocol)
}
