/**
 * What an insert sends, and what it sends next when the BMC does not like it. BMCs disagree on what they demand and
 * what they refuse (quirks.md 5); the refusal's message and related properties say which way to go. Pure.
 */

import { mindsTheRequest, namesProperty, type Refusal, refusalKey } from '../answers/refusal.ts'
import type { Profile } from '../quirks/profile.ts'

export type InsertBody = Readonly<Record<string, string | boolean>>

/** More rungs than any recorded BMC needs; each costs a request. */
const RUNGS_MAX = 8

/** Statuses that speak of the body. */
const BODY_STATUSES: ReadonlySet<number> = new Set([400, 415, 422])

/** Properties that may be added or left out, in groups that go together. */
const OPTIONAL: readonly (readonly string[])[] = [
  ['TransferProtocolType'],
  ['TransferMethod'],
  ['UserName', 'Password'],
  ['Inserted'],
  ['WriteProtected'],
]

/** Stands for the scheme of the image's URL in what is remembered (../../learned.ts). */
const SCHEME = '{SCHEME}'

/** Message keys that say nothing: any of the usual bodies may be the right one. */
const VAGUE_MESSAGES: ReadonlySet<string | null> = new Set([null, 'GeneralError', 'InternalError'])

/** The body to begin with: what this BMC accepted before, else what the profile says. */
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

/** What of an accepted body is worth remembering: all but the image, and not the scheme of this one. */
export function insertRecipe({ Image: image, ...others }: InsertBody): InsertBody {
  const own = protocolOf(String(image))
  return Object.fromEntries(Object.entries(others).map(([key, value]) => [key, value === own ? SCHEME : value]))
}

/**
 * The next body after a refusal, or null when no other body can help. A named property is added when it was missing
 * and changed or dropped when it was there; without a name the other usual bodies follow. No body is tried twice.
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
  // Some firmware wants the word URI, which is not of the schema (spec/redfish.md "Operations").
  if (body['TransferProtocolType'] === protocolOf(image) && group.includes('TransferProtocolType')) {
    return { ...body, TransferProtocolType: 'URI' }
  }
  return Object.fromEntries(Object.entries(body).filter(([property]) => !group.includes(property)))
}

/** `none` is what sushy sends to BMCs that demand credentials where there are none (DGX, quirks.md 5). */
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

/** `HTTP`, `HTTPS`, `NFS`, `CIFS`: the schema's names are the schemes, but for `smb`. */
function protocolOf(image: string): string {
  const scheme = URL.canParse(image) ? new URL(image).protocol.slice(0, -1).toUpperCase() : 'HTTP'
  return scheme === 'SMB' ? 'CIFS' : scheme
}

function sameBody(a: InsertBody, b: InsertBody): boolean {
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key])
}
