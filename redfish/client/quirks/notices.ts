/** Notices about a model for the operator, by the code that quirk rows name. */
import type { Finding } from '../../bmc.ts'

const NOTICES = {
  'cd-target-is-physical': {
    severity: 'warning',
    message:
      'On this firmware the boot target Cd means the physical drive; the virtual CD is chosen by a configuration import instead, which takes minutes.',
    advice: 'Update the iDRAC to 4.40 or later (iDRAC9), or at least to 2.75.75.75 (iDRAC8).',
  },
  'boots-from-first-slot-only': {
    severity: 'info',
    message: 'Both slots take media, but the host boots only from the first.',
    advice: 'Nothing to do: the boot medium goes into the first slot.',
  },
  'firmware-without-virtual-media': {
    severity: 'error',
    message: 'This firmware has no virtual media over Redfish.',
    advice: 'Update the XCC to 2.50 (18D) or later.',
  },
  'reset-stops-dpus': {
    severity: 'warning',
    message: 'A reset of this model also stops its DPUs.',
    advice: 'Expect what runs on the DPUs to be interrupted by a job.',
  },
  'images-over-https-only': {
    severity: 'warning',
    message: 'This firmware mounts images over https only (besides file shares).',
    advice: 'Serve media over https: set PUBLIC_URL to an https address whose certificate the BMC accepts.',
  },
  'image-name-with-one-dot': {
    severity: 'info',
    message: 'This firmware reads image names with one dot only.',
    advice: 'Nothing to do for media of this controller; rename a maintenance ISO of your own.',
  },
} as const satisfies Readonly<Record<string, Omit<Finding, 'code'>>>

export type NoticeCode = keyof typeof NOTICES

export function noticeOf(code: NoticeCode): Finding {
  return { code, ...NOTICES[code] }
}
