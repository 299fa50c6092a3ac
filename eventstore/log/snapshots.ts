/** The interval of snapshots, an optimisation that `audit verify` and every replay can do without. */

const everyEvents = 50

/** True when the state after this version is kept. That depends on the log alone, so a rebuild keeps the same ones. */
export function snapshotDue(version: number): boolean {
  return version % everyEvents === 0
}
