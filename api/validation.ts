/** Faults that zod finds, as details of a problem: pointers and messages, never values. */
import type { z } from '@hono/zod-openapi'
import { type Detail, invalidRequest } from './errors.ts'

const detailsMax = 100
const pathCharsMax = 256

/** One detail per fault; `prefix` goes in front of each pointer. */
export function zodDetails(error: z.ZodError, prefix: string): Detail[] {
  return error.issues.slice(0, detailsMax).flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [detail(prefix, issue.path, issue.code, issue.message)]
    return issue.keys
      .slice(0, detailsMax)
      .map((key) => detail(prefix, [...issue.path, key], 'additional_property', 'is not a known member'))
  })
}

/** The prefix of each part of a request in the path of a detail. */
const prefixes: Readonly<Record<string, string>> = { query: '/query', param: '/path', header: '/headers' }

/** The hook of every route: refuses a request that violates its schema, with all its faults. */
export function refuseInvalid(
  result: { readonly target: string } & (
    | { readonly success: true }
    | { readonly success: false; readonly error: z.ZodError }
  ),
): void {
  if (!result.success) throw invalidRequest(zodDetails(result.error, prefixes[result.target] ?? ''))
}

function detail(prefix: string, path: readonly PropertyKey[], code: string, message: string): Detail {
  const pointer = path.map((segment) => `/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
  return { path: `${prefix}${pointer}`.slice(0, pathCharsMax), code, message }
}
