/** Whether a run in which the controller was killed came to the same end as the run in which it was not. */
import { expect } from 'vitest'
import type { StoredEvent } from '../../eventstore/log/event.ts'
import { firstControllerId } from './controller.ts'
import type { JobRun } from './job-run.ts'

/**
 * Facts that come when they come: read evidence is sampled by time, progress that nobody accepts is lost, a report whose
 * acceptance did not reach the host is sent again.
 */
const unsteady = ['media.read.observed', 'progress.reported', 'report.duplicated']

/** What a job did, in order: without unsteady facts, and with the looks after an announced reset taken out. */
function stepsOf(history: readonly StoredEvent[]): readonly string[] {
  const types = history.map(({ type }) => type).filter((type) => !unsteady.includes(type))
  return types.filter(
    (type, index) =>
      type !== 'redfish.reset.resolved' &&
      !(type === 'redfish.reset.requested' && types.slice(0, index).includes('redfish.reset.requested')),
  )
}

/** @throws an assertion error that says in which way the end differs. */
export function expectSameEnd(run: JobRun, uncrashed: JobRun): void {
  expect(run.verification.faults, 'the log is sound').toEqual([])
  expect(run.received, 'a subscriber gets every event of the log exactly once and in order').toEqual(run.logged)
  expect(stepsOf(run.history), 'the job went the same way').toEqual(stepsOf(uncrashed.history))
  expectSameHost(run, uncrashed)
  expectMounts(run)
  expect(run.bmc.sessionsLeft, 'no session is left on the BMC, not even the killed controller’s').toBe(0)
}

/** The host is switched and restarted exactly as often, and boots from the media exactly once. */
function expectSameHost(run: JobRun, uncrashed: JobRun): void {
  expect(run.bmc.resets, 'the BMC accepted the same resets').toEqual(uncrashed.bmc.resets)
  expect(run.bmc.cdBoots, 'the host booted from the maintenance medium once').toBe(1)
  const requested = run.history.filter(({ type }) => type === 'redfish.reset.requested').length
  const disproved = run.history.filter(
    ({ type, data }) => type === 'redfish.reset.resolved' && (data as { happened: string }).happened === 'no',
  ).length
  expect(requested, 'a reset is announced again only where the one before was seen not to have happened').toBe(
    1 + disproved,
  )
}

/**
 * A mount whose outcome the killed controller recorded is never repeated. One that its successor recorded may have been
 * inserted by both: the slot's content is not trusted after a crash, so it is ejected and inserted with a URL of its own.
 */
function expectMounts({ history, bmc }: JobRun): void {
  for (const medium of ['maintenance', 'task']) {
    const mounted = history.find(({ type }) => type === `redfish.mount.${medium}.succeeded`)
    const slot = (mounted?.data as { slot: string } | undefined)?.slot.split('/').at(-1) ?? ''
    const insertsMax = mounted?.actor === `controller:${firstControllerId}` ? 1 : 2
    expect(bmc.inserts[slot], `inserts of the ${medium} medium`).toBeGreaterThanOrEqual(1)
    expect(bmc.inserts[slot], `inserts of the ${medium} medium`).toBeLessThanOrEqual(insertsMax)
  }
}
