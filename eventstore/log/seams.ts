/**
 * The seams of a controller: the moments between which a crash may leave its work. A test that starts a controller can
 * listen to them; production does not, and a seam without a listener costs nothing. The harness in `test/crash/` kills
 * the process at every one of them in turn.
 */

/** Before or after a commit, by its events' types; a service, by its step; or a message, by the type of its event. */
export type Seam =
  | `append.before:${string}`
  | `append.after:${string}`
  | `effect.before:${string}`
  | `effect.after:${string}`
  | `publish.before:${string}`
  /** JetStream has acknowledged the message, and the checkpoint is not saved yet. */
  | `publish.after:${string}`
  | `publish.saved:${string}`

/** Called synchronously: the controller goes on only after it returns. */
export type OnSeam = (seam: Seam) => void
