/** How a job's media reach the host, by what its BMC offers (spec/redfish.md "Discovery"; redfish/bmc.ts MediaLayout). */

/** In what form a job's files are given to a slot: an ISO, a FAT image, or within the maintenance ISO. */
export const taskForms = ['iso', 'img', 'merged'] as const
export type TaskForm = (typeof taskForms)[number]

/** Two CD slots take two ISOs; a CD and a removable slot an ISO and an image; a single slot takes one ISO with all in it. */
export function taskFormOf(layoutKind: string): TaskForm {
  switch (layoutKind) {
    case 'cd-and-usb':
      return 'img'
    case 'single-cd':
      return 'merged'
    default:
      return 'iso'
  }
}
