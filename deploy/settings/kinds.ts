// Kinds of settings: each parses a text. Its fault says what is accepted and never repeats the text.
import { z } from 'zod'
import { Secret } from './secret.ts'

/** Parses the text of a setting to its value. */
export type Kind<Value> = z.ZodType<Value, string>

export type Address = { host: string; port: number }

const unitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const
/** Slightly less than 2^31 - 1 ms, the limit of Node's timers. */
const durationMsMax = 24 * 24 * unitsMs.h

function kind<Value>(expected: string, parse: (text: string) => Value | undefined): Kind<Value> {
  return z.string().transform((text, context) => {
    const value = parse(text)
    if (value !== undefined) return value
    context.addIssue({ code: 'custom', message: `must be ${expected}` })
    return z.NEVER
  })
}

export const text: Kind<string> = kind('a text', (value) => value)

/** `500ms`, `30s`, `10m`, `4h`, as milliseconds: spec/config.md. */
export const duration: Kind<number> = kind('a duration such as 500ms, 30s, 10m or 4h, at most 576h', (value) => {
  const [, amount, unit] = /^([1-9]\d{0,9})(ms|s|m|h)$/.exec(value) ?? []
  if (amount === undefined || !isUnit(unit)) return undefined
  const durationMs = Number(amount) * unitsMs[unit]
  return durationMs <= durationMsMax ? durationMs : undefined
})

function isUnit(unit: string | undefined): unit is keyof typeof unitsMs {
  return unit !== undefined && unit in unitsMs
}

export function integer({ min, max }: { min: number; max: number }): Kind<number> {
  return kind(`a whole number from ${min} to ${max}`, (value) => {
    const number = /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN
    return number >= min && number <= max ? number : undefined
  })
}

export const truth: Kind<boolean> = kind('true or false', (value) =>
  value === 'true' ? true : value === 'false' ? false : undefined,
)

export function choice<const Choice extends string>(...choices: readonly Choice[]): Kind<Choice> {
  return kind(`one of ${choices.join(', ')}`, (value) => choices.find((known) => known === value))
}

/** Port 0 lets the system choose. */
export const address: Kind<Address> = kind('HOST:PORT, such as 127.0.0.1:8080 or [::]:8080', (value) => {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(value) ?? []
  const host = bracketed ?? plain
  return host === undefined || Number(port) > 65_535 ? undefined : { host, port: Number(port) }
})

/** Without a slash at its end, so that a path can be appended. */
export const webUrl: Kind<string> = kind('a URL with http or https and without user, query or fragment', (value) => {
  const url = URL.parse(value)
  if (url === null || !/^https?:$/.test(url.protocol) || url.username || url.password) return undefined
  return url.search || url.hash ? undefined : url.href.replace(/\/+$/, '')
})

export const databaseUrl: Kind<Secret> = kind('a URL postgres://USER:PASSWORD@HOST/DATABASE', (value) =>
  /^postgres(ql)?:$/.test(URL.parse(value)?.protocol ?? '') ? new Secret(value) : undefined,
)

/** The servers of one cluster, in any order. */
export const natsUrls: Kind<Secret<readonly string[]>> = kind(
  'nats:// or tls:// URLs, separated by commas',
  (value) => {
    const urls = value.split(',').map((url) => url.trim())
    return urls.every((url) => /^(nats|tls):$/.test(URL.parse(url)?.protocol ?? '')) ? new Secret(urls) : undefined
  },
)

export function secret({ charsMin }: { charsMin: number }): Kind<Secret> {
  return kind(`at least ${charsMin} characters long`, (value) =>
    value.length < charsMin ? undefined : new Secret(value),
  )
}

/** An AES-256 key. */
export const key: Kind<Secret<Uint8Array>> = kind('32 bytes in hex or base64', (value) => {
  const hex = /^[0-9a-fA-F]{64}$/.test(value)
  const base64 = /^[A-Za-z0-9+/_-]{43}=?$/.test(value)
  return hex || base64 ? new Secret(new Uint8Array(Buffer.from(value, hex ? 'hex' : 'base64'))) : undefined
})
