/** The part of a structured logger that this folder writes to; pino's shape. */
export type Log = {
  readonly [Level in 'debug' | 'info' | 'warn' | 'error']: (
    fields: Readonly<Record<string, unknown>>,
    message: string,
  ) => void
}
