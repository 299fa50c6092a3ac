/**
 * Discovery: the parts of this BMC that jobs use, and the facts that an operator should know before. Reading order of
 * the folder: this file, `findings.ts`, `recognition.ts` (a known BMC by few reads), `tree.ts` (for recordings).
 */
import type { Bmc, BmcDescription, PowerObservation } from '../../bmc.ts'
import { problemOf } from '../../failure.ts'
import { type BootLook, settingsOf } from '../boot/look.ts'
import {
  bootModes,
  bootsLegacy,
  bootTargets,
  cdTarget,
  readOverride,
  takesOnce,
  targetPlace,
} from '../boot/override.ts'
import { hasOwnWay } from '../boot/vendor-ways.ts'
import type { Call } from '../call.ts'
import { type Documents, valueAt } from '../documents/pointer.ts'
import { flagAt, lastSegment, linkOf, textAt } from '../documents/resource.ts'
import { type SlotSearch, type SlotSource, searchSlots } from '../media/slot-search.ts'
import { isMediaSwitchedOff, switchOnMedia } from '../media/switch.ts'
import { requirePower } from '../power/reset-evidence.ts'
import { type OfferedResets, readResetTypes } from '../power/reset-types.ts'
import { LICENCES, LICENSED_ACTIONS, MEDIA_SWITCHES, MORE_SLOTS } from '../quirks/switches.ts'
import type { Answer } from '../service/answer.ts'
import type { Service } from '../service/service.ts'
import { isSerial, type Located, readAgain } from '../system/locate.ts'
import { type TlsOptions, tlsOf } from '../wire/tls-kind.ts'
import { type FindingFacts, findings } from './findings.ts'

export type DiscoveryOptions = TlsOptions & {
  readonly locateAnew: (call: Call) => Promise<Located>
  /** Called with the System and the Managers that were read again after a switch was set. */
  readonly found: (located: Located) => void
  readonly serial?: string
  readonly switchOnMedia: boolean
}

export function createDiscovery(service: Service, options: DiscoveryOptions): Pick<Bmc, 'discover'> {
  return {
    async discover({ signal }): Promise<BmcDescription> {
      const call = service.begin('discover', { signal })
      const { located, slots } = await searchAll(service, call, options)
      return describe(await read(service, call, located, slots), options)
    },
  }
}

/** Finds the slots; where that is allowed, switches on what hides them and looks again. */
async function searchAll(
  service: Service,
  call: Call,
  options: DiscoveryOptions,
): Promise<{ readonly located: Located; readonly slots: SlotSearch }> {
  const located = await options.locateAnew(call)
  const ownOnly = options.switchOnMedia && (await isMediaSwitchedOff(call, located))
  const slots = await searchSlots(service, call, located, { ownOnly })
  if ((slots.best?.layout ?? null) !== null || !options.switchOnMedia) return { located, slots }
  if (!(await switchOnMedia(service, call, located))) return { located, slots }
  const anew = await readAgain(service, call, located)
  options.found(anew)
  return { located: anew, slots: await searchSlots(service, call, anew) }
}

/** Everything that a description is made of, as it was read. */
type Seen = BootLook & {
  readonly located: Located
  readonly slots: SlotSearch
  readonly root: Answer
  readonly managers: readonly Answer[]
  readonly resets: OfferedResets
  readonly power: PowerObservation
  readonly authentication: ReturnType<Service['authentication']>
  readonly secureBoot: boolean | null
}

async function read(service: Service, call: Call, located: Located, slots: SlotSearch): Promise<Seen> {
  const { system, profile } = located
  const root = await located.root(call)
  const { settings, boot } = await settingsOf(service, call, system)
  const resets = await readResetTypes(service, call, system, profile, { asLearned: false })
  const power = requirePower(service, call, system, profile)
  const authentication = service.authentication()
  for (const answer of [system, settings]) if (answer !== null) service.handover.leave(answer)
  const managers = await located.managers(call)
  const secureBoot = await readSecureBoot(service, call, system)
  return { located, slots, root, managers, system, settings, boot, resets, power, authentication, secureBoot }
}

function describe(seen: Seen, options: DiscoveryOptions): BmcDescription {
  const { located, system, boot, power } = seen
  const { best } = seen.slots
  const { manager, why: managerWhy } = managerOf(located, seen.managers, best)
  const facts = factsOf(seen, manager, options)
  return {
    vendor: located.vendor,
    model: textAt(system.doc, 'Model'),
    serial: textAt(system.doc, 'SerialNumber'),
    redfishVersion: textAt(seen.root.doc, 'RedfishVersion'),
    system: {
      id: idOf(system),
      name: textAt(system.doc, 'Name'),
      biosVersion: textAt(system.doc, 'BiosVersion'),
      why: located.systemWhy,
    },
    manager: {
      id: manager === undefined ? '' : idOf(manager),
      model: textAt(manager?.doc ?? {}, 'Model'),
      firmware: textAt(manager?.doc ?? {}, 'FirmwareVersion'),
      why: managerWhy,
    },
    licence: facts.licence,
    slots: facts.slots,
    passedOver: best?.passedOver ?? [],
    layout: facts.layout,
    boot: {
      targets: bootTargets(boot),
      cdTarget: facts.cdTarget,
      modes: bootModes(boot),
      writtenTo: targetPlace(boot),
      override: readOverride(boot),
    },
    resetTypes: facts.resetTypes,
    resetTypesFrom: facts.resetTypesFrom,
    etags: facts.etags,
    power,
    session: facts.authentication === 'session' ? 'session' : 'basic',
    tls: facts.tls,
    findings: findings(facts),
  }
}

function factsOf(seen: Seen, manager: Answer | undefined, options: DiscoveryOptions): FindingFacts {
  const { located, system, settings, boot, managers, resets } = seen
  const { best, sources } = seen.slots
  const { profile } = located
  const documents: Documents = { system: system.doc, manager: manager?.doc ?? {} }
  const licence = licenceOf(documents)
  const failures = sources.map(({ failure }) => failure).filter((failure) => failure !== null)
  const tagged = [system, settings, best?.document ?? null].some((answer) => answer !== null && answer.etag !== null)
  return {
    slots: best?.slots ?? [],
    layout: best?.layout ?? null,
    licence: licence.name,
    licenceLacks: licence.lacking || failures.some((failure) => problemOf(failure) === 'bmc-licence-missing'),
    cdTarget: cdTarget(bootTargets(boot), profile),
    resetTypes: resets.types,
    resetTypesFrom: resets.from,
    power: seen.power,
    etags: profile.ifMatch === 'always' ? 'demanded' : tagged ? 'given' : 'none',
    tls: tlsOf(options),
    tlsLegacy: options.tls.legacy === true,
    remoteMediaDisabled: MEDIA_SWITCHES.some(({ state, off }) => valueAt(documents, state) === off),
    bootActionMissing: profile.bootWay !== 'override' && !hasOwnWay(managers, profile.bootWay),
    bootsLegacy: bootsLegacy(boot, profile),
    takesOnce: takesOnce(boot),
    moreSlotsPossible: MORE_SLOTS.some(({ action }) => valueAt(documents, action) !== undefined),
    virtualMediaLinked: sources.length > 0,
    mediaFailure: failures[0] ?? null,
    secureBoot: seen.secureBoot,
    authentication: seen.authentication,
    serialDiffers: options.serial !== undefined && !isSerial(system.doc, options.serial),
    notices: profile.notices,
  }
}

/** The Manager whose media are used, else the first that looks after the System. */
function managerOf(
  { managersWhy, system }: Located,
  managers: readonly Answer[],
  best: SlotSource | null,
): { readonly manager?: Answer; readonly why: string } {
  const owner = best !== null && best.layout !== null && best.owner !== system ? best.owner : undefined
  if (owner !== undefined && !managers.includes(owner)) return { manager: owner, why: 'it alone has virtual media' }
  const manager = owner ?? managers[0]
  return manager === undefined ? { why: 'none can be read' } : { manager, why: managersWhy }
}

/** The licence that the BMC names; `lacking`: it does not cover virtual media (quirks.md 12). */
function licenceOf(documents: Documents): { readonly name: string | null; readonly lacking: boolean } {
  const unlicensed = LICENSED_ACTIONS.some(({ values }) => {
    const listed = valueAt(documents, values)
    return Array.isArray(listed) && listed.length === 0
  })
  for (const { name, lacking } of LICENCES) {
    const said = valueAt(documents, name)
    if (typeof said === 'string' && said !== '') return { name: said, lacking: unlicensed || lacking.test(said) }
  }
  return { name: null, lacking: unlicensed }
}

async function readSecureBoot(service: Service, call: Call, system: Answer): Promise<boolean | null> {
  const link = system.doc['SecureBoot']
  if (linkOf(link) === null) return null
  const secureBoot = await service.readOptional(call, service.follow(call, link, system.path))
  return flagAt(secureBoot?.doc ?? {}, 'SecureBootEnable')
}

function idOf(answer: Answer): string {
  return textAt(answer.doc, 'Id') ?? lastSegment(answer.path)
}
