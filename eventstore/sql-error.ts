/** Reading what Postgres says went wrong; drizzle puts the driver's error on `cause`. */

/** The SQLSTATE of a database error. */
export function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const code = (error as { code?: unknown }).code
  if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) return code
  return sqlState(error.cause)
}

/** The name of the constraint that a database error is about. */
export function violatedConstraint(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const name = (error as { constraint_name?: unknown }).constraint_name
  return typeof name === 'string' ? name : violatedConstraint(error.cause)
}
