/** Detects the vendor of a BMC from its documents, else from the server record. Pure. */
import type { Vendor } from '../../vocabulary.ts'
import { type Doc, docAt, textAt } from '../documents/resource.ts'

/** Order matters: a board maker's name on an AMI BMC comes after AMI, OpenBMC before the maker of the machine. */
const NAMES: readonly (readonly [Vendor, RegExp])[] = [
  ['dell', /\bdell\b|idrac|integrated dell/i],
  ['hpe', /\bhpe?\b|hewlett|\bilo\b/i],
  ['lenovo', /lenovo|\bxcc\d?\b|xclarity/i],
  ['supermicro', /super ?micro|\bsmci?\b/i],
  ['fujitsu', /fujitsu|\birmc\b/i],
  ['cisco', /cisco|\bcimc\b/i],
  ['ami', /\bami\b|megarac/i],
  ['openbmc', /openbmc/i],
]

const OEM_KEYS: Readonly<Record<string, Vendor>> = {
  ami: 'ami',
  cisco: 'cisco',
  dell: 'dell',
  hp: 'hpe',
  hpe: 'hpe',
  lenovo: 'lenovo',
  openbmc: 'openbmc',
  supermicro: 'supermicro',
  ts_fujitsu: 'fujitsu',
}

/**
 * Goes by the Manager's model first where it names the firmware (OpenBMC on an NVIDIA board), then by the `Oem` keys,
 * then by `Vendor`, `Product` and manufacturer, then by the hint of the server record (spec/redfish.md "Vendor
 * detection"). Case-insensitive; `generic` when no name is known.
 */
export function detectVendor(said: { root: Doc; system: Doc; manager: Doc | null; hint: string | null }): Vendor {
  const manager = said.manager ?? {}
  if (/openbmc/i.test(textAt(manager, 'Model') ?? '')) return 'openbmc'
  const oem = [said.root, manager, said.system]
    .flatMap((doc) => Object.keys(docAt(doc, 'Oem')))
    .map((key) => OEM_KEYS[key.toLowerCase()])
    .find((vendor) => vendor !== undefined)
  if (oem !== undefined) return oem
  const texts = [
    textAt(said.root, 'Vendor'),
    textAt(said.root, 'Product'),
    textAt(manager, 'Manufacturer'),
    textAt(said.system, 'Manufacturer'),
    textAt(manager, 'Model'),
    textAt(manager, 'FirmwareVersion'),
    said.hint,
  ]
  for (const text of texts) {
    const known = NAMES.find(([, pattern]) => text !== null && pattern.test(text))
    if (known !== undefined) return known[0]
  }
  return 'generic'
}
