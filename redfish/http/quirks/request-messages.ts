/** What BMCs say about how they were asked: a parameter too few or too many, a value, a precondition (quirks.md 15). */
import type { MessageRow } from '../../client/quirks/messages.ts'

export const REQUEST_MESSAGES: readonly MessageRow[] = [
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
