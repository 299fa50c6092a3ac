/**
 * Finds the System of the server record and the Managers that look after it, by links from the service root and never by
 * built paths (spec/redfish.md "Discovery").
 */

import type { Places } from '../../learned.ts'
import type { Vendor } from '../../vocabulary.ts'
import type { Call } from '../call.ts'
import { type Doc, docAt, isDoc, lastSegment, linkOf, linksOf, listAt, textAt } from '../documents/resource.ts'
import type { Memory } from '../memory.ts'
import type { HttpBmcOptions } from '../options.ts'
import { profileFor } from '../quirks/match.ts'
import type { Profile } from '../quirks/profile.ts'
import { ROOT_PATH } from '../requests/sessions-link.ts'
import type { Answer } from '../service/answer.ts'
import { readCollection, samePathKey } from '../service/collection.ts'
import type { Service } from '../service/service.ts'
import { detectVendor } from './vendor.ts'

export type Located = {
  readonly system: Answer
  readonly systemWhy: string
  /** Reads them on demand, where the System was found without them. */
  readonly root: (call: Call) => Promise<Answer>
  readonly managers: (call: Call) => Promise<readonly Answer[]>
  readonly managersWhy: string
  readonly vendor: Vendor
  readonly profile: Profile
}

/** The System that the client knows already, else the one that it finds now. */
export type LocateFor = (call: Call) => Promise<Located>

/** The traits by which the server record identifies its System. */
export type Wanted = Pick<HttpBmcOptions, 'systemId' | 'serial' | 'vendorHint'>

/**
 * Walks root → Systems → System → Managers. Rejects with `unsupported` when no System or more than one fits: the client
 * never guesses which machine a job installs.
 */
export async function locate(service: Service, call: Call, wanted: Wanted): Promise<Located> {
  const root = await service.readRoot(call)
  if (root.doc['Systems'] === undefined) throw unsupported(service, call, 'the service root has no Systems')
  const systems = await readCollection(service, call, service.follow(call, root.doc['Systems'], root.path))
  const chosen = chooseSystem(systems, wanted)
  if (chosen.kind === 'none') throw unsupported(service, call, chosen.detail)
  const { managers, why: managersWhy } = await readManagers(service, call, { root, system: chosen.system })
  const manager = managers[0]?.doc ?? null
  const { system, why: systemWhy } = chosen
  const vendor = detectVendor({ root: root.doc, system: system.doc, manager, hint: wanted.vendorHint ?? null })
  const about = {
    vendor,
    model: textAt(system.doc, 'Model'),
    controller: textAt(manager ?? {}, 'Model'),
    firmware: textAt(manager ?? {}, 'FirmwareVersion'),
  }
  learnPlaces(service.memory, {
    ...about,
    ...firmwareMarks(system.doc),
    system: system.path,
    managers: managers.slice(0, MANAGERS_LEARNED_MAX).map(({ path }) => path),
  })
  return {
    system,
    systemWhy,
    root: async () => root,
    managers: async () => managers,
    managersWhy,
    vendor,
    profile: profileFor(about),
  }
}

const MANAGERS_LEARNED_MAX = 4

/** Records the places; drops all other lessons when the firmware or the machine is another one than before. */
function learnPlaces(memory: Memory, places: Places): void {
  const { sessions, places: before } = memory.known()
  const { firmware, model, controller } = places
  const same =
    before?.firmware === firmware &&
    before.model === model &&
    before.controller === controller &&
    showsSameFirmware(before, places)
  if (before !== undefined && !same) memory.forget()
  memory.learn({ places, ...(sessions === undefined ? {} : { sessions }) })
}

type FirmwareMarks = Pick<Places, 'bios' | 'schema'>

/**
 * Marks of the firmware in a System, by which a job notices an update since the last probe without one request more: the
 * version of the BIOS, and that of the document's schema, which comes with the BMC's firmware (fixtures ilo5-2.46 and
 * ilo5-2.72 differ in it). The firmware's own version is in the Manager, which only a walk reads. So a job misses an
 * update of the BMC that changes neither mark: it tries the old lessons and, where the BMC refuses one, goes the usual
 * ways; the next probe sees the update.
 */
function firmwareMarks(system: Doc): FirmwareMarks {
  const [bios, schema] = [textAt(system, 'BiosVersion'), textAt(system, '@odata.type')]
  return { ...(bios === null ? {} : { bios }), ...(schema === null ? {} : { schema }) }
}

/** A missing mark proves nothing: some BMCs know the BIOS only once the host was on. */
function showsSameFirmware(before: FirmwareMarks, now: FirmwareMarks): boolean {
  const differs = (name: keyof FirmwareMarks) =>
    before[name] !== undefined && now[name] !== undefined && before[name] !== now[name]
  return !differs('bios') && !differs('schema')
}

/**
 * The System at its learned path, by one request. Null where no path was learned, another resource is there now, or the
 * System shows another firmware: the caller then walks the tree.
 */
export async function locateAsLearned(service: Service, call: Call, wanted: Wanted): Promise<Located | null> {
  const { places } = service.memory.known()
  if (places === undefined) return null
  const system = await service.readOptional(call, places.system)
  if (system === null || textAt(system.doc, 'Model') !== places.model) return null
  const marks = firmwareMarks(system.doc)
  if (!showsSameFirmware(places, marks)) return null
  if (chooseSystem([system], wanted).kind === 'none' || !isDoc(resetActionOf(system.doc))) return null
  // A mark may be new: the probe was made by an older version that kept none, or while the host was off.
  service.memory.learn({ places: { ...places, ...marks } })
  service.handover.leave(system)
  let root: Answer | null = null
  let managers: readonly Answer[] | null = null
  return {
    system,
    systemWhy: 'it is where it was found before',
    root: async (anyCall) => {
      root ??= await service.read(anyCall, ROOT_PATH)
      return root
    },
    managers: async (anyCall) => {
      managers ??= await readEach(service, anyCall, places.managers)
      return managers
    },
    managersWhy: 'it is where it was found before',
    vendor: places.vendor,
    profile: profileFor(places),
  }
}

/** The same with its System and its Managers read again, after the client changed a setting of theirs. */
export async function readAgain(service: Service, call: Call, located: Located): Promise<Located> {
  const system = await service.read(call, located.system.path)
  const paths = (await located.managers(call)).map(({ path }) => path)
  const managers = await readEach(service, call, paths)
  return { ...located, system, managers: async () => managers }
}

async function readEach(service: Service, call: Call, paths: readonly string[]): Promise<readonly Answer[]> {
  const read: Answer[] = []
  for (const path of paths) {
    const answer = await service.readOptional(call, path)
    if (answer !== null) read.push(answer)
  }
  return read
}

function resetActionOf(system: Doc): unknown {
  return docAt(system, 'Actions')['#ComputerSystem.Reset']
}

type Choice<T> =
  | { readonly kind: 'one'; readonly system: T; readonly why: string }
  | { readonly kind: 'none'; readonly detail: string }

/**
 * The System of the server: the one with the wanted Id; else the only one that can be reset (GPU boards and AMI's
 * `Capabilities` cannot, quirks.md 2); else the one whose serial number or service tag is the server's. Pure.
 */
export function chooseSystem<T extends { readonly path: string; readonly doc: Doc }>(
  systems: readonly T[],
  wanted: Pick<Wanted, 'systemId' | 'serial'>,
): Choice<T> {
  const idOf = ({ doc, path }: T) => textAt(doc, 'Id') ?? lastSegment(path)
  if (wanted.systemId !== undefined) {
    const system = systems.find((candidate) => idOf(candidate) === wanted.systemId)
    const known = named(systems.map(idOf))
    return system === undefined
      ? { kind: 'none', detail: `no System ${wanted.systemId} among: ${known}` }
      : { kind: 'one', system, why: 'its Id is the one of the registration' }
  }
  const resettable = systems.filter(({ doc }) => isDoc(resetActionOf(doc)))
  const candidates = resettable.length > 0 ? resettable : systems
  const [first, ...others] = candidates
  if (first === undefined) return { kind: 'none', detail: 'the BMC has no System that can be read' }
  if (others.length === 0) {
    const why =
      systems.length === 1 ? 'it is the only one' : `it is the only one of ${systems.length} that can be reset`
    return { kind: 'one', system: first, why }
  }
  const ours = candidates.filter(({ doc }) => isSerial(doc, wanted.serial))
  const [only, ...more] = ours
  if (only !== undefined && more.length === 0) {
    return { kind: 'one', system: only, why: `of ${candidates.length}, it has the serial number of the server` }
  }
  return {
    kind: 'none',
    detail: `several Systems (${named(candidates.map(idOf))}) and none is the server's; name its Id`,
  }
}

/** Bound on the Systems that a message names. */
const NAMED_MAX = 8

function named(ids: readonly string[]): string {
  const more = ids.length > NAMED_MAX ? `, and ${ids.length - NAMED_MAX} more` : ''
  return `${ids.slice(0, NAMED_MAX).join(', ')}${more}`
}

/** Dell's service tag is the System's `SKU`. */
export function isSerial(system: Doc, serial: string | undefined): boolean {
  if (serial === undefined) return false
  return [textAt(system, 'SerialNumber'), textAt(system, 'SKU')].some(
    (known) => known?.trim().toLowerCase() === serial.trim().toLowerCase(),
  )
}

/**
 * The Managers of `Links.ManagedBy`; where that is missing (Huawei, iLO 4) those members of the Managers collection that
 * name this System, or all members where none does (quirks.md 2).
 */
async function readManagers(
  service: Service,
  call: Call,
  from: { readonly root: Answer; readonly system: Answer },
): Promise<{ readonly managers: readonly Answer[]; readonly why: string }> {
  const { root, system } = from
  const linked: Answer[] = []
  for (const link of listAt(linksOf(system.doc), 'ManagedBy').slice(0, service.limits.membersMax)) {
    if (linkOf(link) === null) continue
    const manager = await service.readOptional(call, service.follow(call, link, system.path))
    if (manager !== null) linked.push(manager)
  }
  if (linked.length > 0) return { managers: linked, why: 'the System names it (Links.ManagedBy)' }
  const all = await readAllManagers(service, call, root)
  const ours = all.filter(({ doc }) =>
    listAt(linksOf(doc), 'ManagerForServers').some(
      (link) => samePathKey(linkOf(link) ?? '') === samePathKey(system.path),
    ),
  )
  return ours.length > 0
    ? { managers: ours, why: 'it says that it manages the System (Links.ManagerForServers)' }
    : { managers: all, why: 'the System names none, and it is the first of the Managers' }
}

/** The members of the service's Managers collection. */
export async function readAllManagers(service: Service, call: Call, root: Answer): Promise<readonly Answer[]> {
  if (root.doc['Managers'] === undefined) return []
  return readCollection(service, call, service.follow(call, root.doc['Managers'], root.path))
}

function unsupported(service: Service, call: Call, detail: string): Error {
  const failure = { kind: 'unsupported', retry: false, action: 'find the System', detail } as const
  return service.fail(call, failure, { method: 'GET', target: ROOT_PATH })
}
