/** Messages of iDRAC's own registry (EEMI 2.9.0) and the form of its errors (fixtures/errors/idrac). */

import type { Severity } from '../../bmc/base-messages.ts'
import type { MessageStyle } from '../../bmc/messages.ts'
import type { VendorMessage } from '../../bmc/refusal.ts'
import { noContent } from '../../bmc/reply.ts'

const entries = {
  LIC501: [
    'A required license is missing or expired.',
    'Warning',
    'Obtain an appropriate license then try again. If the problem persists, contact technical support. Refer to your product documentation to choose the contact method that is convenient for you.',
  ],
  PSU501: ['Server is already powered ON.', 'Informational', 'No response action is required.'],
  PSU502: ['Server is already powered OFF.', 'Informational', 'No response action is required.'],
  RAC0218: [
    'The maximum number of user sessions is reached.',
    'Informational',
    'Close one or more sessions before opening another session.',
  ],
  RAC0720: [
    'Unable to locate the ISO or IMG image file or folder in the network share location because the file or folder path or the user credentials entered are incorrect.',
    'Informational',
    'Enter the correct file or folder path and credentials, and then retry the operation.',
  ],
  RAC0904: [
    'The remote file location is not accessible or reachable.',
    'Warning',
    'Confirm that the path and credentials to remote file are correct, and check that the iDRAC can connect to the network address.',
  ],
  SWC0700: [
    'iDRAC is not ready. The configuration values cannot be accessed. Please retry after a few minutes.',
    'Critical',
    'Turn off the system, Remove AC. Wait for 5 seconds. Connect AC. Turn it on.',
  ],
  SYS402: [
    'Unable to run the method because the requested HTTP method is not allowed.',
    'Informational',
    'Enter a valid HTTP method and retry the operation. For information about valid methods, see the Redfish Users Guide available on the support site.',
  ],
  SYS403: [
    'Unable to complete the operation because the resource %1 entered is not found.',
    'Critical',
    'Enter the correct resource and retry the operation. For information about valid resource, see the Redfish Users Guide available on the support site.',
  ],
  SYS405: [
    'Unable to complete the operation because the JSON data format entered is invalid.',
    'Critical',
    'Enter the correct JSON data format and retry the operation.',
  ],
  SYS424: [
    'Unable to complete the operation because the value %1 entered for the property %2 is of different type than the property can accept.',
    'Warning',
    "Enter a valid value in the expected type for the property in the request body and retry the operation.For information about valid values, see the iDRAC User's Guide available on the support site.",
  ],
  SYS426: [
    'Unable to complete the operation because the value %1 entered for the property %2 is not in the list of acceptable values.',
    'Warning',
    "Enter a valid value from the enumeration list that Redfish service supports and retry the operation.For information about valid values, see the iDRAC User's Guide available on the support site.",
  ],
  SYS429: [
    'Unable to complete the operation because the property %1 is not in the list of valid properties for the resource.',
    'Warning',
    'Remove the unknown property from the request body and retry the operation.',
  ],
  SYS446: [
    'The requested operation cannot be completed because of an internal error.',
    'Critical',
    'Retry the operation after a few minutes. If the issue persists, contact your service provider.',
  ],
  SYS453: [
    'Unable to perform the insert operation because the image file %1 is of a different type than the insert operation supported by %2.',
    'Warning',
    'Do the following the retry the operation: 1) Check if the image file is valid and of support type. iDRAC supports only the .ISO files for CD and .IMG file for removable drive. 2) Check if the action is performed on the correct device.',
  ],
  SYS468: [
    'Unable to complete the operation because the Authorization request header is present in the request.',
    'Informational',
    "Make sure that the Authorization request header is not included and retry the operation. For information about the necessary headers, see the Redfish specification and Redfish User's Guide available on the support site.",
  ],
  SYS518: [
    'iDRAC is currently unable to display any information because data sources are unavailable.',
    'Informational',
    'Wait for the data to be available and retry the operation. If the issue persists, contact your service provider.',
  ],
  VRM0009: ['No Virtual Media devices are currently connected.', 'Critical', 'No response action is required.'],
  VRM0012: ['The Virtual Media image server is already connected.', 'Informational', 'No response action is required.'],
  VRM0021: [
    'Virtual Media is detached or Virtual Media devices are already in use.',
    'Informational',
    'Change the Virtual Media Attach Mode to Attach or Auto-Attach.Stop existing Virtual Media sessions and retry the operation.',
  ],
} as const satisfies Record<string, readonly [string, Severity, string]>

export type IdracMessage = keyof typeof entries

/** A message with the id that a firmware's registry version gives it, such as `IDRAC.2.8.VRM0021`. */
export function idracMessage(registry: string, name: IdracMessage): VendorMessage {
  const [text, severity, resolution] = entries[name]
  return { id: `${registry}.${name}`, text, severity, resolution }
}

/** `code` is always Base's GeneralError; iDRAC's registry has its own message in place of the one of Base. */
export function idracStyle({ base, registry }: { readonly base: string; readonly registry: string }): MessageStyle {
  const own = (name: IdracMessage) => idracMessage(registry, name)
  return {
    base,
    own: {
      ActionParameterValueNotInList: own('SYS426'),
      ActionParameterValueTypeError: own('SYS424'),
      MalformedJSON: own('SYS405'),
      OperationNotAllowed: own('SYS402'),
      PropertyUnknown: own('SYS429'),
      PropertyValueNotInList: own('SYS426'),
      PropertyValueTypeError: own('SYS424'),
      ResourceMissingAtURI: own('SYS403'),
      ServiceTemporarilyUnavailable: own('SWC0700'),
      SessionLimitExceeded: own('RAC0218'),
    },
    body: ({ id, text, severity, resolution, args, related }) => ({
      error: {
        '@Message.ExtendedInfo': [
          {
            Message: text,
            MessageArgs: args,
            'MessageArgs@odata.count': args.length,
            MessageId: id,
            RelatedProperties: related.map((pointer) => `#${pointer}`),
            'RelatedProperties@odata.count': related.length,
            Resolution: resolution,
            Severity: severity,
          },
        ],
        code: `${base}.GeneralError`,
        message: 'A general error has occurred. See ExtendedInfo for more information',
      },
    }),
    done: noContent,
  }
}
