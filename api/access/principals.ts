/** Roles, and the role that each request needs (spec/api.md "Authentication"). */

/** In ascending order; each role includes those before it. */
export const roles = ['reader', 'operator', 'admin'] as const
export type Role = (typeof roles)[number]

export type Principal = {
  readonly name: string
  /** Null: an authenticated principal without a role of this API. */
  readonly role: Role | null
}

/** The principal of every request with `AUTH_MODE=none`. */
export const anonymous: Principal = { name: 'anonymous', role: 'admin' }

export function hasRole(principal: Principal, needed: Role): boolean {
  return principal.role !== null && roles.indexOf(principal.role) >= roles.indexOf(needed)
}

/** The highest role among the values of a claim; null when none of them is a role of this API. */
export function highestRole(words: readonly unknown[]): Role | null {
  return roles.findLast((role) => words.includes(role)) ?? null
}

/** True for a name that is safe in a log: printable, without spaces, at most 128 characters. */
export function isPrincipalName(name: unknown): name is string {
  return typeof name === 'string' && /^[\x21-\x7e]{1,128}$/.test(name)
}

/** The role that a request needs; admin by default. */
export function requiredRole({ method, path }: { readonly method: string; readonly path: string }): Role {
  if (method === 'GET' || method === 'HEAD') return 'reader'
  if (method === 'POST' && /^\/api\/v1\/(?:jobs|jobs\/.*|servers\/[^/]+\/probe)$/.test(path)) return 'operator'
  return 'admin'
}
