// The table of the controller's settings: name, kind, default and meaning. `readConfig`, --help and the README's table
// derive from it. spec/config.md.
import type { z } from 'zod'
import {
  address,
  choice,
  databaseUrl,
  duration,
  integer,
  type Kind,
  key,
  natsUrls,
  secret,
  text,
  truth,
  webUrl,
} from './kinds.ts'

/** A setting without a default is optional; `otherwise` says what happens without it. */
export type Setting = {
  name: string
  kind: Kind<unknown>
  default?: string
  otherwise?: string
  help: string
  /** NAME_FILE may name a file that holds the value; the value is never printed. */
  secret?: true
}

/** Keyed by the property of `Config`. Durations have a unit in their text and are milliseconds in the program. */
export const table = {
  httpAddr: { name: 'HTTP_ADDR', kind: address, default: '127.0.0.1:8080', help: 'address to listen on' },
  tlsCertFile: { name: 'TLS_CERT_FILE', kind: text, otherwise: 'plain HTTP', help: 'certificate chain for HTTPS, PEM' },
  tlsKeyFile: { name: 'TLS_KEY_FILE', kind: text, help: 'key of the certificate, PEM' },
  publicUrl: {
    name: 'PUBLIC_URL',
    kind: webUrl,
    otherwise: 'derived from HTTP_ADDR',
    help: 'what BMCs and hosts use to reach media and webhook',
  },
  databaseUrl: {
    name: 'DATABASE_URL',
    kind: databaseUrl,
    otherwise: 'embedded PostgreSQL in STORAGE_ROOT',
    help: 'PostgreSQL',
    secret: true,
  },
  natsUrl: {
    name: 'NATS_URL',
    kind: natsUrls,
    otherwise: 'local nats-server if one can be started, else broadcast waits',
    help: 'NATS servers',
    secret: true,
  },
  natsCredsFile: { name: 'NATS_CREDS_FILE', kind: text, help: 'NATS credentials file' },
  natsTlsCaFile: { name: 'NATS_TLS_CA_FILE', kind: text, help: 'authority that signed the NATS servers, PEM' },
  natsTlsCertFile: { name: 'NATS_TLS_CERT_FILE', kind: text, help: 'client certificate for NATS, PEM' },
  natsTlsKeyFile: { name: 'NATS_TLS_KEY_FILE', kind: text, help: 'key of the client certificate for NATS, PEM' },
  storageRoot: { name: 'STORAGE_ROOT', kind: text, default: '.data', help: 'folder for all that is kept on disk' },
  taskIsoDir: {
    name: 'TASK_ISO_DIR',
    kind: text,
    otherwise: 'tasks below STORAGE_ROOT',
    help: 'folder of the task ISOs',
  },
  imageDir: {
    name: 'IMAGE_DIR',
    kind: text,
    otherwise: 'images below STORAGE_ROOT',
    help: 'folder of the images served as /media/images/...',
  },
  taskIsoPaddingSectors: {
    name: 'TASK_ISO_PADDING_SECTORS',
    kind: integer({ min: 0, max: 16_384 }),
    default: '150',
    help: 'empty sectors at the end of a task ISO, which some BMCs want',
  },
  maintenanceIsoUrl: {
    name: 'MAINTENANCE_ISO_URL',
    kind: webUrl,
    otherwise: 'served from the image folder',
    help: 'maintenance ISO',
  },
  redfishMode: {
    name: 'REDFISH_MODE',
    kind: choice('noop', 'http'),
    default: 'noop',
    help: 'http talks to BMCs, noop only pretends to',
  },
  redfishInsecureTls: {
    name: 'REDFISH_INSECURE_TLS',
    kind: truth,
    default: 'false',
    help: 'accept any certificate of a BMC: for the lab',
  },
  redfishSwitchOnMedia: {
    name: 'REDFISH_SWITCH_ON_MEDIA',
    kind: truth,
    default: 'false',
    help: 'switch remote media on where a BMC hides its slots while it is off',
  },
  redfishTimeoutMs: { name: 'REDFISH_TIMEOUT', kind: duration, default: '30s', help: 'to wait for an answer of a BMC' },
  redfishConnectTimeoutMs: {
    name: 'REDFISH_CONNECT_TIMEOUT',
    kind: duration,
    default: '10s',
    help: 'to wait for a connection to a BMC',
  },
  redfishRetries: {
    name: 'REDFISH_RETRIES',
    kind: integer({ min: 0, max: 100 }),
    default: '5',
    help: 'attempts after the first that failed',
  },
  workerConcurrency: {
    name: 'WORKER_CONCURRENCY',
    kind: integer({ min: 1, max: 10_000 }),
    default: '64',
    help: 'effects under way per controller',
  },
  jobLeaseTtlMs: {
    name: 'JOB_LEASE_TTL',
    kind: duration,
    default: '30s',
    help: 'how long an effect is leased without a sign of life',
  },
  jobStuckTimeoutMs: {
    name: 'JOB_STUCK_TIMEOUT',
    kind: duration,
    default: '4h',
    help: 'when a job fails whatever it does',
  },
  jobRetentionDays: {
    name: 'JOB_RETENTION_DAYS',
    kind: integer({ min: 1, max: 36_500 }),
    default: '14',
    help: 'how long task ISOs of complete jobs are kept',
  },
  budgetIsoBuildMs: { name: 'BUDGET_ISO_BUILD', kind: duration, default: '1m', help: 'time to build the task ISO' },
  budgetRedfishMs: {
    name: 'BUDGET_REDFISH',
    kind: duration,
    default: '20m',
    help: 'time from discovery to the restart of the host, together',
  },
  budgetRedfishPollMs: {
    name: 'BUDGET_REDFISH_POLL',
    kind: duration,
    default: '15m',
    help: 'time until the BMC answers again and the host is on',
  },
  budgetWebhookWaitMs: {
    name: 'BUDGET_WEBHOOK_WAIT',
    kind: duration,
    default: '120m',
    help: 'time for the report: Linux, Windows',
  },
  budgetFirmwareWaitMs: {
    name: 'BUDGET_FIRMWARE_WAIT',
    kind: duration,
    default: '30m',
    help: 'time for the report: firmware',
  },
  budgetCleanupMs: { name: 'BUDGET_CLEANUP', kind: duration, default: '10m', help: 'time for the cleanup of a job' },
  authMode: {
    name: 'AUTH_MODE',
    kind: choice('none', 'basic', 'jwt'),
    otherwise: 'none on loopback, required elsewhere',
    help: 'how callers of the API prove who they are',
  },
  allowUnauthenticated: {
    name: 'ALLOW_UNAUTHENTICATED',
    kind: truth,
    default: 'false',
    help: 'start without authentication even where others can reach it',
  },
  basicUser: { name: 'BASIC_USER', kind: text, help: 'user of basic authentication' },
  basicPass: { name: 'BASIC_PASS', kind: secret({ charsMin: 8 }), help: 'password of that user', secret: true },
  basicUsersFile: { name: 'BASIC_USERS_FILE', kind: text, help: 'users of basic authentication, instead' },
  jwtSecret: {
    name: 'JWT_SECRET',
    kind: secret({ charsMin: 32 }),
    help: 'secret that signs JWTs (HS256)',
    secret: true,
  },
  jwtJwksUrl: { name: 'JWT_JWKS_URL', kind: webUrl, help: 'key set that verifies JWTs, instead' },
  jwtAudience: { name: 'JWT_AUDIENCE', kind: text, help: 'audience that a JWT must have' },
  jwtIssuer: { name: 'JWT_ISSUER', kind: text, help: 'issuer that a JWT must have' },
  webhookSecret: {
    name: 'WEBHOOK_SECRET',
    kind: secret({ charsMin: 16 }),
    otherwise: 'only the token of the job counts; required off loopback',
    help: 'secret that reports of hosts carry',
    secret: true,
  },
  webhookSecretPrevious: {
    name: 'WEBHOOK_SECRET_PREVIOUS',
    kind: secret({ charsMin: 16 }),
    help: 'accepted as well, during rotation',
    secret: true,
  },
  mediaAuth: {
    name: 'MEDIA_AUTH',
    kind: choice('signed', 'none'),
    default: 'signed',
    help: 'whether media are served only under signed URLs',
  },
  mediaSigningSecret: {
    name: 'MEDIA_SIGNING_SECRET',
    kind: secret({ charsMin: 32 }),
    otherwise: 'derived from SECRETS_KEY',
    help: 'signs the URLs of media',
    secret: true,
  },
  mediaSigningSecretPrevious: {
    name: 'MEDIA_SIGNING_SECRET_PREVIOUS',
    kind: secret({ charsMin: 32 }),
    help: 'accepted as well, during rotation',
    secret: true,
  },
  secretsKey: {
    name: 'SECRETS_KEY',
    kind: key,
    otherwise: 'generated in STORAGE_ROOT',
    help: 'encrypts BMC credentials at rest; 32 bytes in hex or base64',
    secret: true,
  },
  logLevel: {
    name: 'LOG_LEVEL',
    kind: choice('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    default: 'info',
    help: 'least level that is logged, as JSON lines',
  },
} as const satisfies Record<string, Setting>

/** The parsed values; those of optional settings may be undefined. */
export type Values = {
  [Name in keyof typeof table]:
    | z.output<(typeof table)[Name]['kind']>
    | ((typeof table)[Name] extends { default: string } ? never : undefined)
}

/** The settings as a list, each with its flag. */
export const settings: readonly (Setting & { flag: string })[] = Object.values(table).map((setting: Setting) => ({
  ...setting,
  flag: flagOf(setting.name),
}))

/** HTTP_ADDR → http-addr. */
export function flagOf(name: string): string {
  return name.toLowerCase().replaceAll('_', '-')
}

/** The README's table of settings. */
export function settingsMarkdown(): string {
  const rows = settings.map(({ name, default: value, otherwise, help, secret: hidden }) => {
    const preset = value === undefined ? (otherwise ?? '') : `\`${value}\``
    return `| \`${name}\` | ${preset} | ${help}${hidden ? ` (or \`${name}_FILE\`)` : ''} |`
  })
  return ['| name | default | |', '|---|---|---|', ...rows].join('\n')
}
