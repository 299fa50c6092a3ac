/** Virtual media slots: their state, their order, and the layout of two media over them. Pure. */
import type { MediaLayout, MediaSlot } from '../../bmc.ts'
import { type Doc, docAt, flagAt, textAt, textsAt } from '../documents/resource.ts'
import type { Profile } from '../quirks/profile.ts'

/** One member of a VirtualMedia collection. */
export type SlotDocument = { readonly path: string; readonly doc: Doc }

/**
 * The media of a slot by its document. `image` is null for the empty string and for AMI's literal `None` (quirks.md 6).
 */
export type MediaState = {
  readonly inserted: boolean
  readonly image: string | null
  readonly connectedVia: string | null
}

/**
 * Reads a slot. Where `Inserted` is missing, a named and connected image counts as inserted; where the profile says that
 * `Inserted` lingers, `NotConnected` wins (Supermicro, quirks.md 6).
 */
export function mediaState(doc: Doc, profile: Pick<Profile, 'emptyWhenNotConnected'>): MediaState {
  const connectedVia = textAt(doc, 'ConnectedVia')
  const named = textAt(doc, 'Image')
  const image = named === null || named === 'None' ? null : named
  const disconnected = connectedVia === 'NotConnected'
  const flag = flagAt(doc, 'Inserted')
  const inserted =
    flag === null ? image !== null && !disconnected : flag && !(profile.emptyWhenNotConnected && disconnected)
  return { inserted, image, connectedVia }
}

/** True for a document that describes a slot's media: every captured one has at least one of the two properties. */
export function tellsMedia(doc: Doc): boolean {
  return doc['Image'] !== undefined || doc['Inserted'] !== undefined
}

/** True when the slot shows the inserted image; `Inserted` without a named image counts as well. */
export function showsImage(state: MediaState, image: string): boolean {
  return state.inserted && (state.image === null || isSameImage(state.image, image))
}

/** True when the slot names the image, attached or not: XCC attaches it seconds later (quirks.md 6). */
export function namesImage(state: MediaState, image: string): boolean {
  return state.image !== null && isSameImage(state.image, image)
}

/** Compares host and path, because BMCs drop the query; some show the file name only (quirks.md 6). */
function isSameImage(shown: string, image: string): boolean {
  if (!URL.canParse(image)) return shown === image
  const wanted = new URL(image)
  if (!URL.canParse(shown)) return shown.split(/[\\/]/).at(-1) === wanted.pathname.split('/').at(-1)
  const url = new URL(shown)
  return url.host.toLowerCase() === wanted.host.toLowerCase() && url.pathname === wanted.pathname
}

const CD_TYPES: ReadonlySet<string> = new Set(['CD', 'DVD'])
const REMOVABLE_TYPES: ReadonlySet<string> = new Set(['USBSTICK', 'FLOPPY'])

/** Members in natural order of their Id: BMCs list them in any order (quirks.md 3). */
export function inOrder<T extends SlotDocument>(members: readonly T[]): readonly T[] {
  return [...members].sort((a, b) => slotId(a).localeCompare(slotId(b), 'en', { numeric: true }))
}

export function hasMediaAction({ doc }: SlotDocument): boolean {
  return mediaAction(doc, 'InsertMedia') !== undefined || mediaAction(doc, 'EjectMedia') !== undefined
}

/** `operation` fills the slot; `mediaTypes` applies where the slot names none itself. */
export function describeSlot(
  slot: SlotDocument,
  known: {
    readonly operation: string
    readonly inserted: boolean
    readonly mediaTypes: readonly string[]
  },
): MediaSlot {
  const said = mediaTypesOf(slot)
  const mediaTypes = said.length > 0 ? said : known.mediaTypes
  const takes = [
    ...(some(mediaTypes, CD_TYPES) ? (['cd'] as const) : []),
    ...(some(mediaTypes, REMOVABLE_TYPES) ? (['usb'] as const) : []),
  ]
  return {
    id: slot.path,
    name: textAt(slot.doc, 'Name') ?? slotId(slot),
    mediaTypes,
    takes,
    operation: known.operation,
    inserted: known.inserted,
  }
}

function some(types: readonly string[], wanted: ReadonlySet<string>): boolean {
  return types.some((type) => wanted.has(type.toUpperCase()))
}

/** The best layout of these slots (spec/redfish.md "Discovery"), or null when there is no slot for a CD. */
export function chooseLayout(slots: readonly MediaSlot[], profile: Pick<Profile, 'companionSlot'>): MediaLayout | null {
  const cds = slots.filter(({ takes }) => takes.includes('cd'))
  const [maintenance, task] = cds
  if (maintenance === undefined) return null
  if (task !== undefined) return { kind: 'two-cds', maintenance: maintenance.id, task: task.id }
  const removable = slots.find(({ id, takes }) => id !== maintenance.id && takes.includes('usb'))
  if (removable === undefined || !profile.companionSlot) return { kind: 'single-cd', maintenance: maintenance.id }
  return { kind: 'cd-and-usb', maintenance: maintenance.id, task: removable.id }
}

const RANKS = { 'two-cds': 3, 'cd-and-usb': 2, 'single-cd': 1 } as const

/**
 * The collection with the best layout, of equals the first. iDRAC9 from 6.00 has a CD under its Manager but two under
 * its System (fixtures/idrac9-6.00.30-r750).
 */
export function bestCollection<T extends { readonly layout: MediaLayout | null }>(collections: readonly T[]): T | null {
  const rank = ({ layout }: T) => (layout === null ? 0 : RANKS[layout.kind])
  return collections.reduce<T | null>((best, next) => (best === null || rank(next) > rank(best) ? next : best), null)
}

/** The target of a standard media action, unchecked; undefined when the member lacks the action. */
export function mediaAction(doc: Doc, name: 'InsertMedia' | 'EjectMedia'): unknown {
  return docAt(docAt(doc, 'Actions'), `#VirtualMedia.${name}`)['target']
}

function slotId({ path, doc }: SlotDocument): string {
  return textAt(doc, 'Id') ?? path.replace(/\/+$/, '').split('/').at(-1) ?? path
}

/** AMI has no `MediaTypes`; its Id says what the slot is (`CD1`; fixtures/ami-gigabyte-h262). */
function mediaTypesOf(slot: SlotDocument): readonly string[] {
  const types = textsAt(slot.doc, 'MediaTypes')
  if (types.length > 0) return types
  const id = slotId(slot)
  if (/^(cd|dvd)/i.test(id)) return ['CD']
  return /^(usb|hd|fd|floppy|removable)/i.test(id) ? ['USBStick'] : []
}
