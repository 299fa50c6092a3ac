/** What zod finds, as details of a problem: pointers and words, never values. */
import type { z } from '@hono/zod-openapi'
import { type Detail, invalidRequest } from './errors.ts'

const detailsMax = 100
const pathCharsMax = 256

/** One detail per fault, below a prefix. */
export function zodDetails(error: z.ZodError, prefix: string): Detail[] {
  return error.issues.slice(0, detailsMax).flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [detail(prefix, issue.path, issue.code, issue.message)]
    return issue.keys
      .slice(0, detailsMax)
      .map((key) => detail(prefix, [...issue.path, key], 'additional_property', 'is not a known member'))
  })
}

/** Where each part of a request is, for the path of a detail. */
const prefixes: Readonly<Record<string, string>> = { query: '/query', param: '/path', header: '/headers' }

/** The hook of every route: a request that does not fit its schema is refused with all its faults. */
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
