// Reads the configuration of a controller and reports all faults at once. spec/config.md, spec/security.md.
import { join } from 'node:path'
import type { Secret } from './secret.ts'
import { flagOf, type Setting, table, type Values } from './table.ts'

/** How the API authenticates callers. */
export type Auth =
  | { mode: 'none' }
  | { mode: 'basic'; user: string; password: Secret }
  | { mode: 'basic'; usersFile: string }
  | { mode: 'jwt'; audience: string; issuer: string; verifyWith: { secret: Secret } | { jwksUrl: string } }

type Combined =
  | 'authMode'
  | 'allowUnauthenticated'
  | 'tlsCertFile'
  | 'tlsKeyFile'
  | 'taskIsoDir'
  | 'imageDir'
  | AuthPart
type AuthPart = 'basicUser' | 'basicPass' | 'basicUsersFile' | 'jwtSecret' | 'jwtJwksUrl' | 'jwtAudience' | 'jwtIssuer'

/** Checked values. `publicUrl` is undefined only when the system chooses the port. */
export type Config = Omit<Values, Combined> & {
  auth: Auth
  tls: { certFile: string; keyFile: string } | undefined
  taskIsoDir: string
  imageDir: string
}

/** A fault names the setting and never repeats the value of a secret. */
export type ConfigReading =
  | { ok: true; config: Config; warnings: readonly string[] }
  | { ok: false; faults: readonly string[] }

export type ConfigSources = {
  env: Readonly<Record<string, string | undefined>>
  /** By flag in kebab-case without dashes: `http-addr`. A flag without a value is true. */
  flags: Readonly<Record<string, string | boolean | undefined>>
  /** For settings given as NAME_FILE. Throws when it cannot. */
  readFile: (path: string) => string
}

const prefix = 'PROVISIONER_'

/**
 * Reads every setting. A flag wins over the environment; there PROVISIONER_NAME wins over NAME, which other programs may use.
 * An empty variable counts as not given. Pure apart from `readFile`.
 */
export function readConfig(sources: ConfigSources): ConfigReading {
  const report: Report = { faults: [], warnings: [] }
  const entries = Object.entries(table).map(([key, setting]) => [key, readSetting({ setting, sources, report })])
  reportUnknown({ sources, report })
  if (report.faults.length > 0) return { ok: false, faults: report.faults }
  // The table's kind parsed every entry, and settings with a default have a value.
  const values: Values = Object.fromEntries(entries)
  const config = combine({ values, report })
  return report.faults.length > 0 || config === undefined
    ? { ok: false, faults: report.faults }
    : { ok: true, config, warnings: report.warnings }
}

type Report = { faults: string[]; warnings: string[] }
type Reading = { setting: Setting; sources: ConfigSources; report: Report }

function readSetting({ setting, sources, report }: Reading): unknown {
  const given = findText({ setting, sources, report }) ?? setting.default
  if (given === undefined) return undefined
  const parsed = setting.kind.safeParse(given)
  if (parsed.success) return parsed.data
  report.faults.push(...parsed.error.issues.map((issue) => `${setting.name}: ${issue.message}`))
  return undefined
}

function findText({ setting, sources, report }: Reading): string | undefined {
  const { name } = setting
  const direct = lookUp({ name, sources })
  if (!setting.secret) return direct
  const flag = sources.flags[flagOf(name)]
  if (flag !== undefined)
    report.warnings.push(`--${flagOf(name)}: every user of this machine can see it, use ${name}_FILE`)
  const path = lookUp({ name: `${name}_FILE`, sources })
  if (path === undefined) return direct
  if (direct !== undefined) {
    report.faults.push(`${name}: given together with ${name}_FILE`)
    return undefined
  }
  try {
    return sources.readFile(path).replace(/\r?\n$/, '')
  } catch (error) {
    report.faults.push(`${name}_FILE: ${error instanceof Error ? error.message : 'cannot be read'}`)
    return undefined
  }
}

function lookUp({ name, sources }: { name: string; sources: ConfigSources }): string | undefined {
  const flag = sources.flags[flagOf(name)]
  if (flag !== undefined) return String(flag)
  return sources.env[prefix + name] || sources.env[name] || undefined
}

function reportUnknown({ sources, report }: { sources: ConfigSources; report: Report }): void {
  const settings: Setting[] = Object.values(table)
  const names = new Set(settings.flatMap(({ name, secret }) => (secret ? [name, `${name}_FILE`] : [name])))
  const flags = new Set([...names].map(flagOf))
  for (const name of Object.keys(sources.env)) {
    if (name.startsWith(prefix) && !names.has(name.slice(prefix.length)))
      report.warnings.push(`${name}: no such setting`)
  }
  for (const [flag, value] of Object.entries(sources.flags)) {
    if (value !== undefined && !flags.has(flag)) report.faults.push(`--${flag}: no such setting`)
  }
}

/** The rules between settings. */
function combine({ values, report }: { values: Values; report: Report }): Config | undefined {
  const { faults, warnings } = report
  const { httpAddr, tlsCertFile, tlsKeyFile, storageRoot } = values
  const tls = tlsCertFile && tlsKeyFile ? { certFile: tlsCertFile, keyFile: tlsKeyFile } : undefined
  if ((tlsCertFile === undefined) !== (tlsKeyFile === undefined)) {
    faults.push('TLS_CERT_FILE and TLS_KEY_FILE: give both or neither')
  }
  if ((values.natsTlsCertFile === undefined) !== (values.natsTlsKeyFile === undefined)) {
    faults.push('NATS_TLS_CERT_FILE and NATS_TLS_KEY_FILE: give both or neither')
  }
  const publicUrl = values.publicUrl ?? derivePublicUrl({ scheme: tls ? 'https' : 'http', ...httpAddr })
  if (publicUrl === undefined && isWildcard(httpAddr.host)) {
    faults.push(`PUBLIC_URL: cannot be derived from HTTP_ADDR when that is every address (${httpAddr.host})`)
  }
  const exposed = !isLoopback(httpAddr.host) || (publicUrl !== undefined && !isLoopback(new URL(publicUrl).hostname))
  const auth = readAuth({ values, exposed, faults })
  if (exposed && values.webhookSecret === undefined) faults.push('WEBHOOK_SECRET: required where others can reach it')
  if (values.webhookSecretPrevious && !values.webhookSecret) {
    faults.push('WEBHOOK_SECRET_PREVIOUS: of no use without WEBHOOK_SECRET')
  }
  if (values.mediaSigningSecretPrevious && !values.mediaSigningSecret) {
    faults.push('MEDIA_SIGNING_SECRET_PREVIOUS: of no use without MEDIA_SIGNING_SECRET')
  }
  if (auth === undefined) return undefined
  if (exposed && auth.mode === 'none')
    warnings.push('ALLOW_UNAUTHENTICATED: every caller that reaches this controller may use it')
  const credentials = [values.basicUser, values.basicUsersFile, values.jwtSecret, values.jwtJwksUrl]
  if (values.authMode === undefined && credentials.some((given) => given !== undefined)) {
    warnings.push('AUTH_MODE: not given, so the credentials for basic or jwt are not used')
  }
  if (exposed && values.mediaAuth === 'none')
    warnings.push('MEDIA_AUTH: every caller that reaches this controller may read task ISOs')
  if (values.redfishInsecureTls) warnings.push('REDFISH_INSECURE_TLS: certificates of BMCs are not checked')
  if (values.redfishMode === 'http' && !exposed) {
    warnings.push('PUBLIC_URL: only this machine can reach media and webhook there, no BMC or host elsewhere')
  }
  const taskIsoDir = values.taskIsoDir ?? join(storageRoot, 'tasks')
  const imageDir = values.imageDir ?? join(storageRoot, 'images')
  return { ...withoutCombined(values), publicUrl, auth, tls, taskIsoDir, imageDir }
}

function withoutCombined(values: Values): Omit<Values, Combined> {
  const { authMode, allowUnauthenticated, tlsCertFile, tlsKeyFile, taskIsoDir, imageDir, ...rest } = values
  const { basicUser, basicPass, basicUsersFile, jwtSecret, jwtJwksUrl, jwtAudience, jwtIssuer, ...others } = rest
  return others
}

/** spec/security.md: `none` is allowed only on loopback, or together with ALLOW_UNAUTHENTICATED. */
function readAuth({
  values,
  exposed,
  faults,
}: {
  values: Values
  exposed: boolean
  faults: string[]
}): Auth | undefined {
  const { authMode = 'none', basicUser, basicPass, basicUsersFile, jwtSecret, jwtJwksUrl } = values
  const before = faults.length
  if (authMode === 'none') {
    if (!exposed || values.allowUnauthenticated) return { mode: 'none' }
    faults.push('AUTH_MODE: must be basic or jwt where others can reach it (or set ALLOW_UNAUTHENTICATED=true)')
    return undefined
  }
  if (authMode === 'basic') {
    const single = basicUser !== undefined && basicPass !== undefined
    if (basicUsersFile !== undefined && basicUser === undefined && basicPass === undefined) {
      return { mode: 'basic', usersFile: basicUsersFile }
    }
    if (basicUsersFile === undefined && single) return { mode: 'basic', user: basicUser, password: basicPass }
    faults.push('AUTH_MODE: basic needs BASIC_USER and BASIC_PASS, or BASIC_USERS_FILE')
    return undefined
  }
  if ((jwtSecret === undefined) === (jwtJwksUrl === undefined))
    faults.push('AUTH_MODE: jwt needs JWT_SECRET or JWT_JWKS_URL')
  const { jwtAudience: audience, jwtIssuer: issuer } = values
  if (audience === undefined) faults.push('JWT_AUDIENCE: required when AUTH_MODE is jwt')
  if (issuer === undefined) faults.push('JWT_ISSUER: required when AUTH_MODE is jwt')
  const verifyWith = jwtSecret ? { secret: jwtSecret } : jwtJwksUrl ? { jwksUrl: jwtJwksUrl } : undefined
  if (faults.length > before || audience === undefined || issuer === undefined || verifyWith === undefined)
    return undefined
  return { mode: 'jwt', audience, issuer, verifyWith }
}

function derivePublicUrl({ scheme, host, port }: { scheme: string; host: string; port: number }): string | undefined {
  if (isWildcard(host) || port === 0) return undefined
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

/** RFC 1122 3.2.1.3, RFC 4291 2.5.3, RFC 6761 6.3. */
function isLoopback(host: string): boolean {
  return /^127(\.\d{1,3}){3}$/.test(host) || host === '::1' || host === '[::1]' || host === 'localhost'
}
