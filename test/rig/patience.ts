/**
 * How long tests wait for what has to come. These are guards against hanging, no assertions: a slow machine costs time, not
 * tests. Where a test waits for a limit of the product to run out, the limit stands in that test.
 */

/** One wait for one thing. */
export const patienceMs = 4 * 60_000

/** A whole test or hook: longer than one wait, so that a wait in vain still says what it was for. */
export const testMaxMs = 5 * 60_000

/** A property is tried so often or for so long, whichever comes first. */
export const propertyMaxMs = 60_000

/** Aborts when a wait has lasted for too long. */
export function patience(): AbortSignal {
  return AbortSignal.timeout(patienceMs)
}
