/**
 * The seams of a controller: the moments between which a crash may leave its work. A test that starts a
 * controller can listen to them; production does not, and a seam without a listener costs nothing. The harness in `test/crash/`
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
