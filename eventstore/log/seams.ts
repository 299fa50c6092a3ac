/**
 * The seams of a controller: the moments between which a crash may leave its work. Whoever starts a controller can hear
 * of each passing; nobody does in production, and a seam that nobody hears of costs nothing. The harness in `test/crash/`
 * kills the process at every one of them in turn.
 */

/** Around what: a commit, by the types of its events; a service, by its step; a message, by the type of its event. */
export type Seam =
  | `append.before:${string}`
  | `append.after:${string}`
  | `effect.before:${string}`
  | `effect.after:${string}`
  | `publish.before:${string}`
  /** Acknowledged by JetStream, and the checkpoint does not say so yet. */
  | `publish.after:${string}`
  | `publish.saved:${string}`

/** Called synchronously: what follows a seam does not begin before it returns. */
export type OnSeam = (seam: Seam) => void
