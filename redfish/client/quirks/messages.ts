/**
 * The messages of refusals as data: message keys (the last part of the id, which firmware versions share) or words, the
 * problem that they mean, and the retry that is worth it (quirks.md 15). The first row that matches counts, so that final
 * problems stand before passing ones.
 */

import type { Problem } from '../../failure.ts'

/**
 * - `never`: no retry changes the answer, whatever the status (iDRAC says 500 for a wrong image).
 * - `later`: the BMC did nothing, and the same request works later.
 * - `after-a-look`: the host's state forbids the request and may be the wanted one: look, then retry.
 * - `by-status`: the status decides.
 */
type MessageRetry = 'never' | 'later' | 'after-a-look' | 'by-status'

export type MessageRow = {
  readonly keys: readonly string[]
  /** Words of a message that has no telling key (sushy-tools, old AMI). */
  readonly text?: RegExp
  readonly problem: Problem
  readonly retry: MessageRetry
  /** The state passes by itself in minutes: it is worth more attempts than usual. */
  readonly patient?: true
  /** The BMC may carry out the request all the same, some time later (quirks.md 6 "late attach"). */
  readonly late?: true
  /** Recorded documents below `fixtures/`, or sections of quirks.md. */
  readonly evidence: readonly string[]
}

const FINAL: readonly MessageRow[] = [
  {
    keys: ['LicenseKeyRequired', 'InvalidLicenseKey', 'LIC501', 'LIC503', 'SWC0242', 'SYS319', 'OemLicenseNotPassed'],
    problem: 'bmc-licence-missing',
    retry: 'never',
    evidence: ['quirks.md 12', 'errors/ilo/400-license-key-required.json', 'errors/supermicro/403-license-dcms.json'],
  },
  { keys: ['SYS406'], problem: 'configuration-locked', retry: 'never', evidence: ['quirks.md 12'] },
  {
    keys: ['VirtualMediaIsDisabled'],
    problem: 'virtual-media-disabled',
    retry: 'never',
    evidence: ['errors/ilo/400-virtual-media-disabled.json'],
  },
  {
    keys: ['RAC0218', 'SessionLimitExceeded'],
    problem: 'session-table-full',
    retry: 'never',
    evidence: ['quirks.md 11', 'errors/idrac/503-session-limit-RAC0218.json'],
  },
  { keys: ['AccountLockout'], problem: 'account-locked', retry: 'never', evidence: ['quirks.md 11'] },
  { keys: ['PasswordChangeRequired'], problem: 'password-change-required', retry: 'never', evidence: ['quirks.md 11'] },
  {
    keys: ['AccessDenied', 'InsufficientPrivilege'],
    problem: 'access-denied',
    retry: 'never',
    evidence: ['errors/xcc/403-access-denied.json'],
  },
  {
    keys: ['SYS468'],
    problem: 'authorization-not-wanted',
    retry: 'never',
    evidence: ['errors/idrac/400-authorization-header-present-SYS468.json'],
  },
  {
    keys: ['SYS453'],
    problem: 'image-not-accepted',
    retry: 'never',
    late: true,
    evidence: ['quirks.md 4', 'registries/idrac9-eemi-2.9.0-extract.json'],
  },
  {
    keys: ['ActionParameterValueFormatError', 'ResourceAtUriInUnknownFormat'],
    problem: 'image-not-accepted',
    retry: 'never',
    evidence: ['quirks.md 5', 'errors/openbmc/400-image-format.json'],
  },
  {
    keys: ['RAC0720', 'RAC0779', 'RAC0904', 'RAC0109', 'SYS446'],
    problem: 'image-unreachable',
    retry: 'never',
    late: true,
    evidence: ['quirks.md 6', 'errors/idrac/500-insertmedia-RAC0904-unreachable.json'],
  },
  {
    keys: ['CouldNotEstablishConnection'],
    problem: 'image-unreachable',
    retry: 'never',
    evidence: ['DSP2065'],
  },
  {
    keys: [],
    text: /cannot download virtual media|failed fetching image/i,
    problem: 'image-unreachable',
    retry: 'never',
    evidence: ['errors/sushy-tools/500-insert-refused.json', 'errors/sushy-tools/400-insert-bad-url.json'],
  },
  {
    keys: ['VRM0009', 'VRM0011', 'OSD32', 'NoVirtualMediaConnectionAvailable'],
    problem: 'slot-empty',
    retry: 'never',
    evidence: [
      'quirks.md 6',
      'errors/idrac/500-eject-nothing-inserted.json',
      'errors/ilo/400-eject-no-connection.json',
    ],
  },
  {
    keys: ['VRM0021', 'VRM0012', 'RAC0718', 'RAC0719', 'RAC0730', 'RAC0780', 'MaxVirtualMediaConnectionEstablished'],
    problem: 'slot-in-use',
    retry: 'never',
    evidence: ['quirks.md 6', 'errors/idrac/400-vrm0021-in-use.json', 'errors/ilo/400-max-virtual-media.json'],
  },
  {
    keys: ['SystemPowerOffRequired'],
    problem: 'power-off-required',
    retry: 'never',
    evidence: ['errors/ilo/reset-power-off-required.json'],
  },
]

const PASSING: readonly MessageRow[] = [
  {
    keys: ['UnableToModifyDuringSystemPOST', 'OperationAvailableAfterSystemPOST'],
    problem: 'host-in-post',
    retry: 'later',
    patient: true,
    evidence: ['quirks.md 8', 'errors/ilo/400-boot-patch-during-post.json'],
  },
  {
    keys: ['ResetInProgress'],
    problem: 'reset-in-progress',
    retry: 'after-a-look',
    patient: true,
    evidence: ['quirks.md 9', 'errors/ilo/reset-in-progress.json'],
  },
  {
    keys: ['PSU501', 'PSU502', 'InvalidOperationForSystemState'],
    problem: 'already-in-state',
    retry: 'after-a-look',
    evidence: ['quirks.md 9', 'errors/idrac/409-reset-on-PSU501.json', 'errors/ilo/ilo4-400-reset-power-is-off.json'],
  },
  {
    keys: ['ActionParameterValueConflict'],
    problem: 'state-conflict',
    retry: 'after-a-look',
    evidence: ['quirks.md 9', 'errors/idrac/409-reset-on-already-on.json'],
  },
  {
    keys: ['LC068', 'RAC0679'],
    problem: 'job-running',
    retry: 'later',
    patient: true,
    evidence: ['quirks.md 8', 'errors/idrac/import-scp-LC068.json', 'errors/idrac/import-scp-RAC0679.json'],
  },
  {
    keys: ['SYS518', 'SWC0700', 'LC060', 'ServiceTemporarilyUnavailable'],
    problem: 'bmc-not-ready',
    retry: 'later',
    patient: true,
    evidence: ['quirks.md 9'],
  },
  {
    keys: ['TooManyRequests', 'ResourceLocked', 'ResourceInUse'],
    problem: 'bmc-overloaded',
    retry: 'later',
    evidence: ['quirks.md 10', 'errors/xcc/429-too-many-requests.json'],
  },
]

/** Objections to the form of a request: a missing or unknown parameter, a value, a precondition. */
const ABOUT_THE_REQUEST: readonly MessageRow[] = [
  {
    keys: ['NoValidSession', 'SessionNotExist', 'ResourceAtUriUnauthorized'],
    problem: 'credentials-refused',
    retry: 'by-status',
    evidence: ['errors/ilo/401-no-valid-session.json', 'errors/supermicro/401-resource-uri-unauthorized.json'],
  },
  {
    keys: ['PreconditionFailed', 'PreconditionHeaderMissing', 'SYS404', 'SYS400'],
    problem: 'precondition',
    retry: 'by-status',
    evidence: [
      'quirks.md 10',
      'errors/xcc/412-etag-mismatch.json',
      'errors/ami-megarac/428-precondition-header-missing.json',
    ],
  },
  {
    keys: ['ActionParameterMissing', 'PropertyMissing', 'CreateFailedMissingReqProperties'],
    text: /mandatory to complete the action is missing|must be passed together|^missing the /i,
    problem: 'parameter-missing',
    retry: 'by-status',
    evidence: [
      'quirks.md 5',
      'errors/ami-megarac/400-transferprotocoltype-missing-text-only.json',
      'errors/sushy-tools/400-patch-boot-enabled-only.json',
    ],
  },
  {
    keys: ['PropertyUnknown', 'ActionParameterNotSupported', 'ActionParameterUnknown', 'SYS429'],
    text: /not in the list of valid properties/i,
    problem: 'parameter-unknown',
    retry: 'by-status',
    evidence: [
      'quirks.md 5',
      'errors/ilo/ilo4-400-patch-inserted-unknown.json',
      'errors/openbmc/400-reset-parameter-unknown.json',
    ],
  },
  {
    keys: ['PropertyNotWritable', 'PropertyNotWriteable', 'SYS427'],
    text: /read-only property/i,
    problem: 'read-only',
    retry: 'by-status',
    evidence: ['quirks.md 8', 'errors/idrac/idrac10-400-patch-boot-read-only.json'],
  },
  {
    keys: [
      'SYS426',
      'PropertyValueNotInList',
      'PropertyValueTypeError',
      'PropertyValueFormatError',
      'ActionParameterValueNotInList',
      'ActionParameterValueTypeError',
    ],
    problem: 'value-not-accepted',
    retry: 'by-status',
    evidence: [
      'quirks.md 8',
      'errors/supermicro/400-boot-mode-not-in-list.json',
      'errors/idrac/400-reset-gracefulrestart-not-in-list.json',
    ],
  },
  {
    keys: ['ActionNotSupported'],
    text: /^power state \S+ is not supported/i,
    problem: 'not-offered',
    retry: 'by-status',
    evidence: ['quirks.md 9', 'errors/sushy-tools/501-reset-powercycle.json'],
  },
  {
    keys: ['MalformedJSON', 'UnrecognizedRequestBody'],
    problem: 'request-malformed',
    retry: 'by-status',
    evidence: ['errors/ilo/ilo4-400-malformed-json.json'],
  },
]

export const MESSAGE_ROWS: readonly MessageRow[] = [...FINAL, ...PASSING, ...ABOUT_THE_REQUEST]

/** The row for one of several messages, by key first, then by words; null when none is known. */
export function messageRow(said: {
  readonly keys: readonly string[]
  readonly texts: readonly string[]
}): MessageRow | null {
  return (
    MESSAGE_ROWS.find((row) => row.keys.some((key) => said.keys.includes(key))) ??
    MESSAGE_ROWS.find(({ text }) => text !== undefined && said.texts.some((words) => text.test(words))) ??
    null
  )
}

/** The keys of all messages that mean this problem. */
export function messageKeysOf(problem: Problem): ReadonlySet<string> {
  return new Set(MESSAGE_ROWS.filter((row) => row.problem === problem).flatMap(({ keys }) => keys))
}
