/**
 * The description of a BMC that a probe found (redfish/bmc.ts BmcDescription), as the log keeps it. Version 1 of
 * `server.probe.succeeded` recorded less of it. A fact that it did not record is null in a description of today, also
 * where a list would be expected: an empty list would say that the BMC has none.
 */
import { z } from 'zod'
import { findingData, powerData } from '../event.ts'

const layout = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('two-cds'), maintenance: z.string(), task: z.string() }),
  z.strictObject({ kind: z.literal('cd-and-usb'), maintenance: z.string(), task: z.string() }),
  z.strictObject({ kind: z.literal('single-cd'), maintenance: z.string() }),
])

export const descriptionData = z.strictObject({
  vendor: z.string(),
  model: z.string().nullable(),
  serial: z.string().nullable(),
  redfish_version: z.string().nullable(),
  system: z.strictObject({
    id: z.string(),
    name: z.string().nullable(),
    bios_version: z.string().nullable(),
    /** The reason for which this System was chosen. */
    why: z.string().nullable(),
  }),
  /** `id` is empty where the service lists no Manager that can be read. */
  manager: z.strictObject({
    id: z.string(),
    model: z.string().nullable(),
    firmware: z.string().nullable(),
    why: z.string().nullable(),
  }),
  /** Null also if the BMC says nothing about its licence in a known form. */
  licence: z.string().nullable(),
  slots: z.array(
    z.strictObject({
      id: z.string(),
      name: z.string(),
      media_types: z.array(z.string()),
      /** Kinds of image: an ISO as a CD, a disk image as a USB stick. */
      takes: z.array(z.enum(['cd', 'usb'])).nullable(),
      /** The way in which an image is inserted: `action`, `patch`, or the name of a vendor's own way. */
      operation: z.string().nullable(),
      inserted: z.boolean(),
    }),
  ),
  /** Slots that the client does not use, with the reason. */
  passed_over: z.array(z.strictObject({ id: z.string(), reason: z.string() })).nullable(),
  layout: layout.nullable(),
  boot: z.strictObject({
    targets: z.array(z.string()),
    cd_target: z.string().nullable(),
    modes: z.array(z.string()),
    /** The resource to which the override is written: the System, or its settings object. */
    written_to: z.enum(['system', 'settings']).nullable(),
    /** The override at the time of the probe. */
    override: z
      .strictObject({ enabled: z.string().nullable(), target: z.string().nullable(), mode: z.string().nullable() })
      .nullable(),
  }),
  reset_types: z.array(z.string()),
  /** The document that lists the reset types; `assumed` if none does. */
  reset_types_from: z.enum(['action', 'action-info', 'assumed', 'none']).nullable(),
  /** `demanded`: a write without `If-Match` is refused or lost. `given`: documents carry entity tags. */
  etags: z.enum(['demanded', 'given', 'none']).nullable(),
  power: powerData,
  session: z.string(),
  tls: z.string(),
  findings: z.array(findingData),
})
export type DescriptionData = z.infer<typeof descriptionData>

type Slot = DescriptionData['slots'][number]
type Boot = DescriptionData['boot']

/** The shape in version 1 of `server.probe.succeeded`, which had no licence, reasons and places. */
export type FirstDescriptionData = Omit<
  DescriptionData,
  'system' | 'manager' | 'licence' | 'slots' | 'passed_over' | 'boot' | 'reset_types_from' | 'etags'
> & {
  readonly system: Omit<DescriptionData['system'], 'why'>
  readonly manager: Omit<DescriptionData['manager'], 'why'>
  readonly slots: readonly Omit<Slot, 'takes' | 'operation'>[]
  readonly boot: Omit<Boot, 'written_to' | 'override'>
}

/** A description in today's shape, with null for each fact that it lacks. One of today comes out unchanged. */
export function describedToday(recorded: FirstDescriptionData | DescriptionData): DescriptionData {
  return {
    licence: null,
    passed_over: null,
    reset_types_from: null,
    etags: null,
    ...recorded,
    system: { why: null, ...recorded.system },
    manager: { why: null, ...recorded.manager },
    slots: recorded.slots.map((slot) => ({ takes: null, operation: null, ...slot })),
    boot: { written_to: null, override: null, ...recorded.boot },
  }
}
