/**
 * The bodies of an insert: the first one, and the next one after a refusal. BMCs disagree on the properties that they
 * demand and refuse (quirks.md 5); the message and the related properties of the refusal choose the next body. Pure.
 */

import { mindsTheRequest, namesProperty, type Refusal, refusalKey } from '../answers/refusal.ts'
import type { Profile } from '../quirks/profile.ts'

export type InsertBody = Readonly<Record<string, string | boolean>>

/** Bound on the bodies of one insert: more than any recorded BMC needs. */
const RUNGS_MAX = 8

/** Statuses of a refusal that objects to the body. */
const BODY_STATUSES: ReadonlySet<number> = new Set([400, 415, 422])

/** Properties that may be added or left out, in groups that belong together. */
const OPTIONAL: readonly (readonly string[])[] = [
  ['TransferProtocolType'],
  ['TransferMethod'],
  ['UserName', 'Password'],
  ['Inserted'],
  ['WriteProtected'],
]

/** Stands for the scheme of the image's URL in a learned body (../../learned.ts). */
const SCHEME = '{SCHEME}'

/** Message keys without a reason: any of the usual bodies may be the right one. */
const VAGUE_MESSAGES: ReadonlySet<string | null> = new Set([null, 'GeneralError', 'InternalError'])

/** The first body: the one that this BMC accepted before, else the one of the profile. */
export function firstInsertBody(
  image: string,
  profile: Pick<Profile, 'insertStart' | 'insertAlso'>,
  learned?: InsertBody,
): InsertBody {
  if (learned !== undefined) {
    const values = Object.entries(learned).map(([key, value]) => [key, value === SCHEME ? protocolOf(image) : value])
    return { Image: image, ...Object.fromEntries(values) }
  }
  const start = profile.insertStart === 'full' ? fullBody(image) : { Image: image }
  return {
    ...start,
    ...Object.fromEntries(profile.insertAlso.map((property) => [property, valueFor(property, image)])),
  }
}

/** The lesson of an accepted body: all but the image, with `{SCHEME}` for the scheme of its URL. */
export function insertRecipe({ Image: image, ...others }: InsertBody): InsertBody {
  const own = protocolOf(String(image))
  return Object.fromEntries(Object.entries(others).map(([key, value]) => [key, value === own ? SCHEME : value]))
}

/**
 * The next body after a refusal, or null when no other body can help. A property that the refusal names is added when it
 * was missing, and changed or dropped when it was there; without a name the other usual bodies follow. No body is tried
 * twice.
 */
export function nextInsertBody(image: string, refusal: Refusal, tried: readonly InsertBody[]): InsertBody | null {
  const last = tried.at(-1)
  if (last === undefined || tried.length >= RUNGS_MAX || !BODY_STATUSES.has(refusal.status)) return null
  if (!mindsTheRequest(refusal)) return null
  const named = OPTIONAL.filter((group) => group.some((property) => namesProperty(refusal, property)))
  const untried = (body: InsertBody) => !tried.some((other) => sameBody(other, body))
  if (named.length > 0) {
    const adapted = named.reduce((body, group) => adapt(body, group, image), last)
    if (untried(adapted)) return adapted
  } else if (namesProperty(refusal, 'Image')) return null
  if (refusal.problem === undefined && !VAGUE_MESSAGES.has(refusalKey(refusal))) return null
  const usual = [{ Image: image }, fullBody(image), { Image: image, TransferProtocolType: protocolOf(image) }]
  return usual.find(untried) ?? null
}

function fullBody(image: string): InsertBody {
  return { Image: image, Inserted: true, WriteProtected: true }
}

function adapt(body: InsertBody, group: readonly string[], image: string): InsertBody {
  const present = group.some((property) => property in body)
  if (!present)
    return { ...body, ...Object.fromEntries(group.map((property) => [property, valueFor(property, image)])) }
  // Some firmware demands the word URI, which the schema does not have (spec/redfish.md "Operations").
  if (body['TransferProtocolType'] === protocolOf(image) && group.includes('TransferProtocolType')) {
    return { ...body, TransferProtocolType: 'URI' }
  }
  return Object.fromEntries(Object.entries(body).filter(([property]) => !group.includes(property)))
}

/** Like sushy, the client sends `none` to BMCs that demand credentials for an image without any (DGX, quirks.md 5). */
function valueFor(property: string, image: string): string | boolean {
  switch (property) {
    case 'TransferProtocolType':
      return protocolOf(image)
    case 'TransferMethod':
      return 'Stream'
    case 'UserName':
    case 'Password':
      return 'none'
    default:
      return true
  }
}

/** `HTTP`, `HTTPS`, `NFS`, `CIFS`: the schema's name is the scheme, except for `smb`. */
function protocolOf(image: string): string {
  const scheme = URL.canParse(image) ? new URL(image).protocol.slice(0, -1).toUpperCase() : 'HTTP'
  return scheme === 'SMB' ? 'CIFS' : scheme
}

function sameBody(a: InsertBody, b: InsertBody): boolean {
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key])
}
