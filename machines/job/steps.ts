/** The stable keys of a job's steps and failures (spec/job.md). The log keeps them for ever. */

import { targets } from './targets.ts'

/** Steps in the order of a run. A step's key is also the id of the effect that performs it. */
export const stepKeys = [
  'job.admission',
  'iso.build',
  'redfish.discover',
  'media.build',
  'redfish.mount.maintenance',
  'redfish.mount.task',
  'redfish.boot-override',
  'redfish.reset',
  'redfish.poll',
  'webhook.wait',
  'cleanup.power-off',
  'cleanup.unmount',
  'cleanup.boot-override',
  'cleanup.reset',
  'server.release',
] as const

export type StepKey = (typeof stepKeys)[number]

const dispatcherUnit = 'provision-dispatcher'
const phases: ReadonlySet<string> = new Set(Object.values(targets).flatMap((target) => target.phases))

/**
 * The failure key of the systemd unit in a failure report: `image-linux.service` → `workflow.image-linux`. A unit of no
 * known target becomes `workflow.unknown`.
 */
export function failureKeyOfUnit(unit: string): string {
  const name = unit.replace(/\.service$/, '')
  if (name === dispatcherUnit) return 'workflow.dispatcher'
  return phases.has(name) ? `workflow.${name}` : 'workflow.unknown'
}
