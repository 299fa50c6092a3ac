/**
 * Takes identities out of a recording: addresses, names, serial numbers, accounts, media URLs. It finds values in two
 * ways: by the member that holds them (`SerialNumber`, `HostName`, ...), and then wherever else they occur; and by their
 * form. Credentials are gone before, since the exchange was observed (client/wire/observe-exchange.ts).
 */
import { redactEncoded } from './encoded.ts'
import { createPlaceholders, type IdentityKind, type Placeholders } from './placeholders.ts'

/** Members whose whole text identifies, by the names of DMTF's schemas and of vendors. */
const identifyingMembers: readonly (readonly [IdentityKind, RegExp])[] = [
  [
    'serial',
    /^(?:.*serialnumber|(?:chassis|node)?servicetag|expressservicecode|assettag|.*assetnumber|nodeid|wwn|wwpn|wwnn|iqn|partnumberserial)$/i,
  ],
  ['uuid', /^(?:.*uuid|systemguid|smbiosguid|guid)$/i],
  [
    'host',
    /^(?:commonname|subjectalternativenames?|hostname|fqdn|.*dnsname|domainname|systemname|osname|hostaddress|dnsracname|.*dnsdomainname)$/i,
  ],
  [
    'user',
    /^(?:username|user|createdby|lastmodifiedby|owner|ownername|contactname|email(?:address)?|phonenumber|organization|organizationalunit)$/i,
  ],
  ['mac', /^(?:permanent)?macaddress$/i],
  ['ip', /^(?:address|gateway|ipv[46]address|clientoriginipaddress|.*ipaddress)$/i],
]

/** Values of such members that identify nothing. */
const meaningless =
  /^(?:|n\/?a|none|null|unknown|default|not (?:specified|available|set)|to be filled.*|[0 .:-]*|localhost|oem|true|false)$/i

/** Shorter values are replaced only where they are the whole text: `A1` is part of too many words. */
const literalCharsMin = 4

const urlForm = /\b(?:https?|nfs|cifs|smb|ftp|tftp|sftp|scp):\/\/[^\s"'<>]+/gi
/** Paths of the controller's media, for BMCs that take an image as host and path, or cut its URL. */
const mediaPathForm = /(?<![\\/])[\\/]+media[\\/]+(?:tasks|images)[\\/]+[^\s"'<>]*/gi
const uuidForm = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi
const macForm = /\b[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}\b/gi
/** A MAC address as Cisco writes it. */
const dottedMacForm = /(?<![\w.])[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}(?![\w.])/gi
const emailForm = /(?<![\w.+-])[\w.+-]{1,64}@[a-z\d-]+(?:\.[a-z\d-]+)+/gi
/**
 * A MAC address in device paths and names of boot options: `MAC(B42E99BADE15,0x0)`, ` - 946DAE91FB22`. Twelve digits
 * alone are a number.
 */
const bareMacForm = /\b(?=[0-9A-F]*[A-F])(?=[0-9A-F]*\d)[0-9A-F]{12}\b|(?<=MAC\()[0-9A-F]{12}/g
const ipv4Form =
  /(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?![\w.]*\d)/g
const ipv6Form =
  /(?<![\w:])(?:[0-9a-f]{1,4}:){3,7}[0-9a-f]{1,4}(?![\w:])|(?<![\w:])(?:[0-9a-f]{1,4}:){1,6}(?::[0-9a-f]{1,4}){1,6}(?![\w:])/gi

/** Members whose text stays: a firmware version of four numbers has the form of an address, and the quirks go by it. */
const versionMembers = /version|firmware/i

export type KnownIdentities = { readonly [Kind in IdentityKind]?: readonly string[] }

export type Redaction = {
  /** The same JSON with placeholders for identities, in texts and in the names of members. */
  readonly json: (value: unknown) => unknown
  readonly text: (text: string) => string
  readonly counts: () => Readonly<Record<string, number>>
}

/**
 * @param values everything that will be redacted: a value that identifies in one document is replaced in all of them.
 * @param known identities that the caller knows, such as the address of the BMC.
 */
export function createRedaction(values: readonly unknown[], known: KnownIdentities): Redaction {
  const placeholders = createPlaceholders()
  /** Keys in lower case. */
  const literals = new Map<string, string>()
  /** Keys in their own letter case: `root` is an account, and `Root Service` is none. */
  const users = new Map<string, string>()
  const versions = new Set<string>()
  const add = (kind: IdentityKind, value: string) => {
    const trimmed = value.trim()
    if (meaningless.test(trimmed)) return
    const placeholder = placeholders.of(kind, trimmed)
    if (kind === 'user') users.set(trimmed, placeholder)
    else literals.set(trimmed.toLowerCase(), placeholder)
  }
  const placeholderOf = (literal: string) => users.get(literal) ?? literals.get(literal.toLowerCase())
  for (const kind of ['serial', 'host', 'ip', 'user', 'uuid', 'mac', 'url'] as const)
    for (const value of known[kind] ?? []) add(kind, value)
  for (const value of values) collect(value, { add, versions })

  const inText = [...literals.keys(), ...users.keys()]
    .filter((literal) => literal.length >= literalCharsMin)
    .sort((a, b) => b.length - a.length)
    .map((literal) => RegExp.escape(literal))
  const literalForm = inText.length === 0 ? null : new RegExp(`(?<![a-z0-9])(?:${inText.join('|')})(?![a-z0-9])`, 'gi')

  /** A cache: most texts of a recording recur, because a job reads a document many times. */
  const redacted = new Map<string, string>()
  const text = (given: string): string => {
    const before = redacted.get(given)
    if (before !== undefined) return before
    const after = inPlain(given, (encoded, aside) => redactEncoded(encoded, decoded, aside))
    redacted.set(given, after)
    return after
  }
  /** Decodes one level only: text that is encoded twice stays as it is. */
  const decoded = (plain: string): string => inPlain(plain, (same) => same)
  const inPlain = (given: string, first: (text: string, aside: (placeholder: string) => string) => string): string => {
    const whole = placeholderOf(given.trim())
    if (whole !== undefined) return whole
    if (versions.has(given)) return given
    // Placeholders are set aside while other rules run, so that no rule replaces one again.
    const made: string[] = []
    const aside = (placeholder: string) => `\uE000${made.push(placeholder) - 1}\uE001`
    const replaced = byForm(first(given, aside), placeholders, aside)
    const all =
      literalForm === null
        ? replaced
        : replaced.replace(literalForm, (literal) => {
            const placeholder = placeholderOf(literal)
            return placeholder === undefined ? literal : aside(placeholder)
          })
    return all.replace(/\uE000(\d+)\uE001/g, (_whole, index: string) => made[Number(index)] ?? '')
  }
  const nameOf = (name: string): string => {
    if (isWord(name)) return name
    // Fujitsu writes the address of the schema before the name of an action (`http://...#FTSComputerSystem.VirtualMedia`).
    const action = actionForm.exec(name)
    return action === null ? text(name) : `${text(name.slice(0, action.index))}${action[0]}`
  }
  const json = (value: unknown): unknown => {
    if (typeof value === 'string') return text(value)
    if (Array.isArray(value)) return value.map(json)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [nameOf(name), json(inner)]))
  }
  return { json, text, counts: placeholders.counts }
}

/** An action's name at the end of a member's (DSP0266 "Actions"). */
const actionForm = /#[A-Za-z][A-Za-z\d]*\.[A-Za-z][A-Za-z\d]*$/

/** True for names of the schema: a user called `admin` must not rename a member. Eight capitals may be a serial number. */
function isWord(name: string): boolean {
  return /^[@#]?[A-Za-z][A-Za-z.@]*$/.test(name) && !/^[A-Z]{8,}$/.test(name)
}

function byForm(given: string, placeholders: Placeholders, aside: (placeholder: string) => string): string {
  const as = (kind: IdentityKind) => (value: string) => aside(placeholders.of(kind, value))
  const ofAddress = (address: string) => (meaningless.test(address) ? address : as('ip')(address))
  return given
    .replace(urlForm, (url) => ofUrl(url, as('url')))
    .replace(mediaPathForm, as('url'))
    .replace(uuidForm, as('uuid'))
    .replace(macForm, as('mac'))
    .replace(dottedMacForm, (mac) => as('mac')(withColons(mac.replaceAll('.', ''))))
    .replace(bareMacForm, (mac) => as('mac')(withColons(mac)))
    .replace(emailForm, as('user'))
    .replace(ipv4Form, ofAddress)
    .replace(ipv6Form, ofAddress)
}

function withColons(mac: string): string {
  return mac.replace(/..(?!$)/g, '$&:')
}

/** Links of the BMC to itself lose their origin, as in the client; URLs of the standard's documentation stay. */
function ofUrl(url: string, replaced: (url: string) => string): string {
  if (!URL.canParse(url)) return replaced(url)
  const { hostname, pathname, search, hash } = new URL(url)
  if (/(?:^|\.)(?:dmtf|snia|w3|odata)\.org$/.test(hostname)) return url
  return /^\/(?:redfish|rest)\/v1(?:\/|$)/.test(pathname) ? `${pathname}${search}${hash}` : replaced(url)
}

function collect(
  value: unknown,
  found: { readonly add: (kind: IdentityKind, value: string) => void; readonly versions: Set<string> },
): void {
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    for (const item of value) collect(item, found)
    return
  }
  for (const [name, inner] of Object.entries(value)) {
    if (typeof inner !== 'string') collect(inner, found)
    else if (versionMembers.test(name)) found.versions.add(inner)
    else {
      const kind = identifyingMembers.find(([, members]) => members.test(name))?.[0]
      if (kind !== undefined) found.add(kind, inner)
    }
  }
}
