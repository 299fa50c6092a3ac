/** A job's media reach the host in one of three layouts, depending on the BMC's slots (spec/redfish.md "Discovery"). */

/** The form in which a slot is given the job's files: an ISO, a FAT image, or merged into the maintenance ISO. */
export const taskForms = ['iso', 'img', 'merged'] as const
export type TaskForm = (typeof taskForms)[number]

/** Two CD slots take two ISOs; a CD and a removable slot an ISO and an image; a single slot one ISO with all files. */
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
