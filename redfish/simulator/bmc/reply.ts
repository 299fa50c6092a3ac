/** The reply of a resource before it becomes bytes on a socket, and the JSON of which it is made. */
import type { Refusal } from './refusal.ts'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
export type JsonObject = { readonly [key: string]: Json }

export type Reply = {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** A Redfish document; other values occur only in the bodies of injected faults. */
  readonly body?: Json
  /** In place of a body: the refusal, which is written in the style of the profile. */
  readonly refusal?: Refusal
  /** In place of a body: exactly this text, for firmware that sends something that is not JSON. */
  readonly text?: string
}

/** One request as resources see it: authenticated, its body read within the limit and parsed. */
export type BmcRequest = {
  readonly method: string
  /** Without query and without a trailing slash. */
  readonly path: string
  readonly ifMatch: string | null
  /** `null` when the request had no body. */
  readonly body: Json
}

export const noContent: Reply = { status: 204 }

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The JSON value in this text. @throws SyntaxError when it is not JSON. */
export function parseJson(text: string): Json {
  return JSON.parse(text)
}
