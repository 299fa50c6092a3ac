// What differs between a document of a simulated BMC and the one that was captured of a real one.
import type { ProfileName } from '../../../../redfish/simulator/profiles/catalogue.ts'
import type { Document } from './caller.ts'

/** The capture that each profile is held against; the others were made without one (quirks.md 16). */
export const captured: Readonly<Partial<Record<ProfileName, string>>> = {
  'idrac9-old': 'idrac9-6.00.30-r750',
  idrac9: 'idrac9-6.00.30-r750',
  idrac10: 'idrac10-1.20-17g-bmclib',
  ilo4: 'ilo4-2.54-bl460cgen9',
  ilo5: 'ilo5-2.72-dl385gen10plus',
  ilo6: 'ilo6-1.66-dl380agen11',
  xcc: 'xcc2-sr670v2',
  'supermicro-x11': 'supermicro-x10sdv',
  'supermicro-x13': 'supermicro-x13-sys821ge',
  ami: 'ami-gigabyte-h262',
  openbmc: 'openbmc-stock',
  'openbmc-nvidia': 'openbmc-nvidia-gb200',
}

/** Properties that Redfish clients read in these documents: what a capture has of them, a profile has too. */
const readByClients = [
  /^\/@odata\.(id|etag|context)$/,
  /^\/(Id|Name|UUID|Vendor|Product|RedfishVersion|Manufacturer|Model|SerialNumber|BiosVersion|FirmwareVersion)$/,
  /^\/(ManagerType|SystemType|PowerState|LastResetTime|ServiceEnabled|SessionTimeout|MediaTypes|Members.*)(\[\])?$/,
  /^\/(Systems|Managers|Chassis|SessionService|Sessions|VirtualMedia)(\/@odata\.id)?$/,
  /^\/Links\/(Sessions|Chassis|ManagedBy|ManagerForServers|ManagerForChassis)(\[\])?(\/@odata\.id)?$/,
  /^\/Boot\/(BootSourceOverride.*|UefiTargetBootSourceOverride)$/,
  /^\/BootProgress\/LastState$/,
  /^\/@Redfish\.Settings\/SettingsObject\/@odata\.id$/,
  /^\/Actions\/#(ComputerSystem\.Reset|Manager\.Reset|VirtualMedia\.\w+)(\/.*)?$/,
  /^\/(Image|ImageName|Inserted|ConnectedVia|WriteProtected|Transfer\w+|UserName|Password|VerifyCertificate)$/,
  /^\/Oem\/(Dell|Hpe?|Lenovo|Supermicro|Ami|Cisco|ts_fujitsu|OpenB(mc|MC))$/,
  /^\/Oem\/Hpe?\/(Actions\/#HpiLOVirtualMedia.*|Actions\/#HpeiLOVirtualMedia.*|PostState|BootOnNextServerReset)$/,
]

type Property = { readonly type: string; readonly link: string | null }

/** One line per difference: `+` only here, `-` only captured and read by clients, `~` another type or target. */
export function differences(ours: Document, theirs: Document): string[] {
  const here = propertiesOf(ours)
  const there = propertiesOf(theirs)
  const lines: string[] = []
  for (const [path, { type, link }] of here) {
    const other = there.get(path)
    if (other === undefined) lines.push(`+ ${path}`)
    else if (other.type !== type && other.type !== 'null' && type !== 'null')
      lines.push(`~ ${path} is ${type}, captured ${other.type}`)
    else if (link !== null && other.link !== null && link !== other.link)
      lines.push(`~ ${path} is ${link}, captured ${other.link}`)
  }
  for (const path of there.keys())
    if (!here.has(path) && readByClients.some((pattern) => pattern.test(path))) lines.push(`- ${path}`)
  return lines.toSorted()
}

/** Every property by its path, the members of an array as one. */
function propertiesOf(document: Document): Map<string, Property> {
  const found = new Map<string, Property>()
  const visit = (value: unknown, path: string): void => {
    if (path !== '' && !found.has(path)) found.set(path, { type: typeOf(value), link: linkOf(value, path) })
    if (typeof value !== 'object' || value === null) return
    for (const [name, member] of Object.entries(value))
      visit(member, Array.isArray(value) ? `${path}[]` : `${path}/${name}`)
  }
  visit(document, '')
  return found
}

function typeOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
}

/** Paths of links and actions are compared; those of members and of the document itself are what it was asked for. */
function linkOf(value: unknown, path: string): string | null {
  const isLink = /\/(@odata\.id|target|@Redfish\.ActionInfo)$/.test(path) && !/^\/(@odata\.id|Members)/.test(path)
  return isLink && typeof value === 'string' ? value : null
}
