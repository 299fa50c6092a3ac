/**
 * Vendors' own ways to move media, as data: the place of the slot, the requests that fill and empty it, and the place
 * that shows it. The client takes a way because the resources show it, never because of a name (quirks.md 5).
 */

/** A kind of document, and the keys to a value in it. */
export type Pointer = {
  readonly in: 'slot' | 'collection' | 'system' | 'manager'
  readonly keys: readonly string[]
}

/**
 * A body with the image's parts filled in: `{url}`, `{origin}` (scheme, host and port), `{host}` (with port), `{path}`,
 * `{folder}`, `{file}`, `{SCHEME}`.
 */
export type Template = { readonly [key: string]: string | Template }

export type SlotStep =
  /** PATCH of the slot. */
  | { readonly kind: 'write'; readonly body: Template }
  /** POST to the action; a later body is for firmware that refuses the earlier ones. */
  | { readonly kind: 'act'; readonly action: Pointer; readonly bodies: readonly Template[] }

export type SlotWay = {
  readonly name: string
  /** Links to the slot where it is a member of no collection. */
  readonly slot: Pointer | null
  readonly insert: readonly SlotStep[]
  readonly eject: readonly SlotStep[]
  /** `in-collection`: the collection has a member only while the slot is filled. */
  readonly shown: 'in-slot' | 'in-collection'
  /** Media types of the slot, where it names none itself. */
  readonly mediaTypes: readonly string[]
  readonly evidence: readonly string[]
}

const hpAction = (name: string): Pointer => ({
  in: 'slot',
  keys: ['Oem', 'Hp', 'Actions', `#HpiLOVirtualMedia.${name}`],
})

const isoConfig = (name: string): Pointer => ({ in: 'slot', keys: ['Actions', `#IsoConfig.${name}`] })

const FTS_ACTION: Pointer = { in: 'system', keys: ['Actions', 'Oem', '#FTSComputerSystem.VirtualMedia'] }

/** Firmware before 9.69 knows the second key only (errors/fujitsu-irmc). */
const ftsBodies = (action: string): readonly Template[] => [
  { FTSVirtualMediaAction: action },
  { VirtualMediaAction: action },
]

export const SLOT_WAYS: readonly SlotWay[] = [
  {
    name: 'oem-insert-virtual-media',
    slot: null,
    insert: [{ kind: 'act', action: hpAction('InsertVirtualMedia'), bodies: [{ Image: '{url}' }] }],
    eject: [{ kind: 'act', action: hpAction('EjectVirtualMedia'), bodies: [{}] }],
    shown: 'in-slot',
    mediaTypes: [],
    evidence: ['quirks.md 5', 'ilo4-2.54-bl460cgen9'],
  },
  {
    name: 'oem-iso-config',
    slot: { in: 'collection', keys: ['Oem', 'Supermicro', 'VirtualMediaConfig'] },
    insert: [
      { kind: 'write', body: { Host: '{origin}', Path: '{path}' } },
      { kind: 'act', action: isoConfig('Mount'), bodies: [{}] },
    ],
    eject: [{ kind: 'act', action: isoConfig('UnMount'), bodies: [{}] }],
    shown: 'in-collection',
    mediaTypes: ['CD'],
    evidence: ['quirks.md 5', 'supermicro-x10sdv', 'errors/supermicro/200-success-capital.json'],
  },
  {
    name: 'oem-share-config',
    slot: { in: 'system', keys: ['Oem', 'ts_fujitsu', 'VirtualMedia'] },
    insert: [
      {
        kind: 'write',
        body: { CD: { Server: '{host}', ShareName: '{folder}', ImageName: '{file}', ShareType: '{SCHEME}' } },
      },
      { kind: 'act', action: FTS_ACTION, bodies: ftsBodies('ConnectCD') },
    ],
    eject: [{ kind: 'act', action: FTS_ACTION, bodies: ftsBodies('DisconnectCD') }],
    shown: 'in-collection',
    mediaTypes: ['CD'],
    evidence: ['quirks.md 5', 'errors/fujitsu-irmc/400-action-parameter-missing-9.69.json'],
  },
]
