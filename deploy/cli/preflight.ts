/**
 * The report of a probe, for people: the BMC, the way in which media would get to its host, and a line per finding with what
 * to do about it. The report leaves out facts that the probe of an older version did not record.
 */
import type { DescriptionData } from '../../machines/server/description.ts'
import { bad, bold, dim, good, heading, output, warn } from './output.ts'

type Finding = DescriptionData['findings'][number]
type Rows = readonly (readonly [label: string, ...cells: readonly (string | null)[]])[]

/** True for a finding that would make a job fail. */
export function standsInTheWay({ severity }: Finding): boolean {
  return severity === 'error'
}

/** Prints the report: errors first among the findings, and at the end a line that says whether a job would fail. */
export function showPreflight(serial: string, found: DescriptionData): void {
  const { system, manager, boot } = found
  output.line(`${bold(serial)}: ${plain([found.vendor, found.model].filter((part) => part !== null).join(' '))}`)
  showRows([
    [
      'System',
      system.id,
      listed(`serial number ${found.serial ?? 'unknown'}`, named('BIOS', system.bios_version)),
      chosen(system.why),
    ],
    ['Manager', manager.id || 'none', listed(manager.model, named('firmware', manager.firmware)), chosen(manager.why)],
    ['Redfish', found.redfish_version ?? 'unknown', listed(sessions(found.session), tagged(found.etags))],
    ['TLS', transports[found.tls] ?? found.tls],
    ['Licence', found.licence ?? 'not told'],
    ['Power', found.power.power_state],
    ['Media', layoutTold(found.layout)],
    [
      'Boot',
      boot.cd_target === null ? 'not from the virtual CD' : `${boot.cd_target} is the virtual CD`,
      bootTold(boot),
    ],
    ['', named('targets', joined(boot.targets)), named('modes', joined(boot.modes))],
    ['Resets', joined(found.reset_types) ?? 'none', origins[found.reset_types_from ?? 'unrecorded'] ?? null],
  ])
  showSlots(found)
  output.line()
  showFindings(found.findings)
}

function showRows(rows: Rows): void {
  const told = rows.filter(([, ...cells]) => cells.some((cell) => cell !== null))
  for (const [label, ...cells] of told) {
    const text = cells.filter((cell) => cell !== null).map(plain)
    output.line(`  ${dim(label.padEnd(8))} ${text.join('; ')}`)
  }
}

function showSlots({ slots, passed_over }: DescriptionData): void {
  const used = slots.map(({ id, takes, operation, inserted }) => [
    plain(id),
    takes === null ? 'not recorded' : (joined(takes) ?? 'nothing that is used'),
    operation === null ? 'not recorded' : plain(operations.get(operation) ?? operation),
    inserted ? warn('yes') : 'no',
  ])
  if (used.length > 0) {
    output.line()
    output.table([heading('SLOT', 'TAKES', 'FILLED BY', 'INSERTED'), ...used])
  }
  const passedOver = (passed_over ?? []).map(({ id, reason }) => [plain(id), plain(reason)])
  if (passedOver.length > 0) {
    output.line()
    output.table([heading('PASSED OVER', 'WHY'), ...passedOver])
  }
}

function showFindings(findings: readonly Finding[]): void {
  const order = ['error', 'warning', 'info']
  const worstFirst = findings.toSorted((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity))
  for (const { severity, code, message, advice } of worstFirst) {
    const colour = severity === 'error' ? bad : severity === 'warning' ? warn : dim
    output.line(`${colour(severity)}: ${plain(code)}: ${plain(message)} ${dim('To do:')} ${plain(advice)}`)
  }
  const errors = findings.filter(standsInTheWay).length
  const standing = errors === 1 ? '1 error stands' : `${errors} errors stand`
  output.line(errors === 0 ? good('nothing stands in the way of a job') : bad(`${standing} in the way of a job`))
}

function layoutTold(layout: DescriptionData['layout']): string {
  if (layout === null) return 'none: no slot takes a CD image'
  const { kind, maintenance } = layout
  if (kind === 'single-cd') return `single merged ISO in ${maintenance}`
  const [name, second] = kind === 'two-cds' ? ['two CDs', 'task ISO'] : ['CD + USB image', 'task image']
  return `${name}: maintenance ISO in ${maintenance}, ${second} in ${layout.task}`
}

function bootTold({ written_to, override }: DescriptionData['boot']): string | null {
  const place = written_to === null ? null : places[written_to]
  if (override === null) return place
  const now = [override.enabled, override.target, override.mode].map((part) => part ?? '-').join(' / ')
  return listed(place, `now ${now}`)
}

const places = { system: 'written to the System', settings: "written to the System's settings object" }

const origins: Readonly<Record<string, string>> = {
  action: 'listed by the action itself',
  'action-info': "listed by the action's ActionInfo",
  assumed: 'assumed, as the BMC lists none',
}

const operations: ReadonlyMap<string, string> = new Map([
  ['action', 'InsertMedia'],
  ['patch', 'PATCH of the slot'],
])

const transports: Readonly<Record<string, string>> = {
  none: 'none: plain http',
  verified: 'the certificate is verified',
  pinned: 'the certificate is pinned',
  insecure: 'the certificate is not checked',
}

function sessions(session: string): string {
  return session === 'session' ? 'one session for all requests' : 'no session: the password goes with every request'
}

function tagged(etags: DescriptionData['etags']): string | null {
  if (etags === null) return null
  if (etags === 'demanded') return 'writes need If-Match'
  return etags === 'given' ? 'entity tags are given, writes need none' : 'no entity tags'
}

function chosen(why: string | null): string | null {
  return why === null ? null : `chosen because ${why}`
}

function named(name: string, value: string | null): string | null {
  return value === null ? null : `${name} ${value}`
}

function listed(...parts: readonly (string | null)[]): string | null {
  return parts.filter((part) => part !== null).join(', ') || null
}

function joined(values: readonly string[]): string | null {
  return values.join(', ') || null
}

/** A text of the BMC without control characters: they would steer the terminal. */
function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, '\u{fffd}')
}
