/** Who may do what (spec/api.md "Authentication"). */

/** From least to most; each may do what those before it may. */
export const roles = ['reader', 'operator', 'admin'] as const
export type Role = (typeof roles)[number]

export type Principal = {
  readonly name: string
  /** Null: known, but without any role of ours. */
  readonly role: Role | null
}

/** Whom requests count as with `AUTH_MODE=none`. */
export const anonymous: Principal = { name: 'anonymous', role: 'admin' }

export function hasRole(principal: Principal, needed: Role): boolean {
  return principal.role !== null && roles.indexOf(principal.role) >= roles.indexOf(needed)
}

/** The highest role among words of any kind; null when none is ours. */
export function highestRole(words: readonly unknown[]): Role | null {
  return roles.findLast((role) => words.includes(role)) ?? null
}

/** A name that may stand in the log: printable, without spaces, at most 128 characters. */
export function isPrincipalName(name: unknown): name is string {
  return typeof name === 'string' && /^[\x21-\x7e]{1,128}$/.test(name)
}

/** The role that a request needs. What is not named here needs the highest. */
export function requiredRole({ method, path }: { readonly method: string; readonly path: string }): Role {
  if (method === 'GET' || method === 'HEAD') return 'reader'
  if (method === 'POST' && /^\/api\/v1\/(?:jobs|jobs\/.*|servers\/[^/]+\/probe)$/.test(path)) return 'operator'
  return 'admin'
}
