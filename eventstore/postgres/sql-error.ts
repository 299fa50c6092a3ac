/** Reading errors of Postgres; drizzle puts the driver's error on `cause`. */

/** The SQLSTATE of a database error. */
export function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const code = (error as { code?: unknown }).code
  if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) return code
  return sqlState(error.cause)
}

const outageCodes: ReadonlySet<string> = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
  'CONNECTION_SILENT',
  'CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
])
/** Connection exceptions, server shutting down or starting, too many connections, statement time-out. */
const outageStates = /^(?:08...|57P0.|53300|57014)$/

/** True when the database is at fault and not the statement. */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = error as { code?: unknown }
  if (typeof code === 'string' && (outageCodes.has(code) || outageStates.test(code))) return true
  return isOutage(error.cause)
}

/** The name of the constraint that a database error is about. */
export function violatedConstraint(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const name = (error as { constraint_name?: unknown }).constraint_name
  return typeof name === 'string' ? name : violatedConstraint(error.cause)
}
