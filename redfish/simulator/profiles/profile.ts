/**
 * The differences between makes of BMC: data that the parts in the folder above read, and, where data is not enough, a
 * `Behaviour` per BMC for the few moments at which firmware acts in its own way. A new vendor is a
 * new file beside `generic.ts` and a row in `catalogue.ts`; generations of one vendor share a file.
 */
import type { Slot } from '../bmc/media.ts'
import type { MessageStyle } from '../bmc/messages.ts'
import type { PowerState } from '../bmc/power.ts'
import type { JsonObject, Reply } from '../bmc/reply.ts'
import type { BootProfile, EtagProfile, MediaCollection, ResetType, ResetTypesIn, SlotProfile } from '../bmc/traits.ts'
import type { WireRequest } from '../bmc/wire.ts'
import type { Branch } from '../resources/resource.ts'
import type { Timing } from '../world/timing.ts'

/** Documents as this vendor writes them, made from those that the generic BMC has. */
type Documents<Bmc> = {
  readonly [Name in 'root' | 'system' | 'manager' | 'chassis' | 'collection' | 'sessionService' | 'session']?: (
    base: JsonObject,
    bmc: Bmc,
  ) => JsonObject
} & { readonly media?: (base: JsonObject, bmc: Bmc, slot: Slot) => JsonObject }

/** Hooks at which a BMC acts in its own way. Each BMC has its own object, which may keep state. */
export type Behaviour = {
  /** Before authentication; an answer ends the request. */
  readonly intercept?: (request: WireRequest) => Reply | null
  /** After authentication, before the resource is asked. */
  readonly filter?: (request: WireRequest) => Reply | null
  /** Changes a reply just before the BMC sends it. */
  readonly rewrite?: (request: WireRequest, reply: Reply) => Reply
  /** Before an image goes into a slot, when the request itself is in order; a reply refuses or answers it. */
  readonly insert?: (slot: Slot, parameters: JsonObject, path: string) => Reply | null | Promise<Reply | null>
  /** Refuses an image that cannot be fetched; `status` is the web server's, null when it was not reached. */
  readonly unusable?: (image: string, status: number | null) => Reply
  /** Answers an accepted insert, instead of `messages.done`. */
  readonly inserted?: (slot: Slot) => Reply
  readonly eject?: (slot: Slot) => Reply | null
  readonly reset?: (type: ResetType) => Reply | null
  readonly changeBoot?: (boot: JsonObject) => Reply | null
  /** Writes of the slot document that mean neither insert nor eject; a reply has taken care of them. */
  readonly changeSlot?: (slot: Slot, body: JsonObject) => Reply | null
  /** The collection lists the slot at present. */
  readonly lists?: (slot: Slot) => boolean
  readonly powerBecame?: (state: PowerState) => void
  /** A boot from CD that the firmware was told of by other means than the boot override. */
  readonly bootsFromCd?: () => boolean
  /** Further resources of this vendor. */
  readonly resources?: Branch
}

/** The BMC is a parameter, because its own type names its profile. */
export type Profile<Bmc> = {
  readonly name: string
  /** One line for people who choose a profile. */
  readonly summary: string
  /** Null where the service root does not say. */
  readonly vendor: string | null
  readonly product: string | null
  readonly redfishVersion: string
  readonly system: { readonly id: string; readonly manufacturer: string; readonly model: string; readonly bios: string }
  readonly manager: { readonly id: string; readonly model: string; readonly firmware: string }
  readonly chassis: { readonly id: string }
  /** Further members of the collections, which a client has to pass over; given without their `@odata.id`. */
  readonly others?: {
    readonly systems?: Readonly<Record<string, JsonObject>>
    readonly managers?: Readonly<Record<string, JsonObject>>
  }
  /** In the order in which the firmware tries them. */
  readonly slots: readonly SlotProfile[]
  readonly mediaCollections: readonly MediaCollection[]
  /** Parameters that InsertMedia takes. */
  readonly insertParameters: readonly string[]
  /** Parameters that InsertMedia requires. */
  readonly insertRequires: readonly string[]
  readonly resetTypes: readonly ResetType[]
  readonly managerResetTypes: readonly string[]
  /** The documents list reset types in the action, in its ActionInfo, or in both. */
  readonly resetTypesIn: Readonly<Record<'system' | 'manager', ResetTypesIn>>
  readonly boot: BootProfile
  /** Targets of a boot override that mean a virtual CD. */
  readonly cdTargets: readonly string[]
  readonly sessions: {
    /** False: there is no session service. */
    readonly offered: boolean
    readonly max: number
    /** Whole seconds of silence after which a session ends. */
    readonly timeoutSeconds: number
    /** `SessionTimeout` of the document: iLO and AMI write minutes there. */
    readonly timeoutShown: number | null
  }
  /** The refusal of an insert without the licence for virtual media; absent if none is needed. */
  readonly unlicensed?: Reply
  readonly acceptsBasic: boolean
  readonly messages: MessageStyle
  readonly etags: EtagProfile
  /** True: PowerState shows PoweringOn and PoweringOff. False: it shows the former state until the transition ends. */
  readonly showsPowerTransitions: boolean
  /** Delays that differ from those of `defaultTiming`. */
  readonly timing?: Partial<Timing>
  readonly documents?: Documents<Bmc>
  readonly behave?: (bmc: Bmc) => Behaviour
}
