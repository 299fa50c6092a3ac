/** The stable keys of what a job does and of how it fails (spec/job.md). They are in the log for ever. */

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

/** Failure keys of the maintenance OS's units; a unit that is not listed becomes `workflow.unknown`. */
const workflowUnits = new Map([
  ['provision-dispatcher', 'workflow.dispatcher'],
  ['partition', 'workflow.partition'],
  ['image-linux', 'workflow.image-linux'],
  ['bootloader-linux', 'workflow.bootloader-linux'],
  ['config-drive', 'workflow.config-drive'],
  ['image-windows', 'workflow.image-windows'],
  ['bootloader-windows', 'workflow.bootloader-windows'],
  ['firmware', 'workflow.firmware'],
])

/** Maps the systemd unit of a failure report to its failure key: `image-linux.service` → `workflow.image-linux`. */
export function failureKeyOfUnit(unit: string): string {
  return workflowUnits.get(unit.replace(/\.service$/, '')) ?? 'workflow.unknown'
}

/** Whether a target's end is told by a report of the maintenance OS; ESXi's is observed instead (spec/job.md). */
export function reportsOutcome(taskTarget: string): boolean {
  return taskTarget !== 'install-esxi.target'
}
