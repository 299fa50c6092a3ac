/** Messages of the Base message registry 1.16.0 (DSP8011). */

export type Severity = 'Informational' | 'Warning' | 'Critical'

/** One entry of a message registry. */
export type Message = { readonly text: string; readonly severity: Severity; readonly resolution: string }

export const baseMessages = {
  ActionParameterMissing: {
    text: 'The action %1 requires the parameter %2 to be present in the request body.',
    severity: 'Critical',
    resolution: 'Supply the action with the required parameter in the request body when the request is resubmitted.',
  },
  ActionParameterUnknown: {
    text: 'The action %1 was submitted with the invalid parameter %2.',
    severity: 'Warning',
    resolution: 'Correct the invalid parameter and resubmit the request if the operation failed.',
  },
  ActionParameterValueConflict: {
    text: "The parameter '%1' with the requested value of '%2' does not meet the constraints of the implementation.",
    severity: 'Warning',
    resolution: 'No resolution is required.',
  },
  ActionParameterValueFormatError: {
    text: "The value '%1' for the parameter %2 in the action %3 is of a different format than the parameter can accept.",
    severity: 'Warning',
    resolution:
      'Correct the value for the parameter in the request body and resubmit the request if the operation failed.',
  },
  ActionParameterValueNotInList: {
    text: "The value '%1' for the parameter %2 in the action %3 is not in the list of acceptable values.",
    severity: 'Warning',
    resolution:
      'Choose a value from the enumeration list that the implementation can support and resubmit the request if the operation failed.',
  },
  ActionParameterValueTypeError: {
    text: "The value '%1' for the parameter %2 in the action %3 is of a different type than the parameter can accept.",
    severity: 'Warning',
    resolution:
      'Correct the value for the parameter in the request body and resubmit the request if the operation failed.',
  },
  CouldNotEstablishConnection: {
    text: "The service failed to establish a connection with the URI '%1'.",
    severity: 'Critical',
    resolution:
      'Ensure that the URI contains a valid and reachable node name, protocol information and other URI components.',
  },
  CreateFailedMissingReqProperties: {
    text: 'The create operation failed because the required property %1 was missing from the request.',
    severity: 'Critical',
    resolution:
      'Correct the body to include the required property with a valid value and resubmit the request if the operation failed.',
  },
  EmptyJSON: {
    text: 'The request body submitted contained an empty JSON object and the service is unable to process it.',
    severity: 'Warning',
    resolution: 'Add properties in the JSON object and resubmit the request.',
  },
  GeneralError: {
    text: 'A general error has occurred.  See Resolution for information on how to resolve the error, or @Message.ExtendedInfo if Resolution is not provided.',
    severity: 'Critical',
    resolution: 'None.',
  },
  HeaderInvalid: {
    text: "Header '%1' is invalid.",
    severity: 'Critical',
    resolution: 'Resubmit the request with a valid request header.',
  },
  InternalError: {
    text: 'The request failed due to an internal service error.  The service is still operational.',
    severity: 'Critical',
    resolution: 'Resubmit the request.  If the problem persists, consider resetting the service.',
  },
  MalformedJSON: {
    text: 'The request body submitted was malformed JSON and could not be parsed by the receiving service.',
    severity: 'Critical',
    resolution: 'Ensure that the request body is valid JSON and resubmit the request.',
  },
  NoValidSession: {
    text: 'There is no valid session established with the implementation.',
    severity: 'Critical',
    resolution: 'Establish a session before attempting any operations.',
  },
  OperationNotAllowed: {
    text: 'The HTTP method is not allowed on this resource.',
    severity: 'Critical',
    resolution: 'None.',
  },
  PayloadTooLarge: {
    text: 'The supplied payload exceeds the maximum size supported by the service.',
    severity: 'Critical',
    resolution: 'Check that the supplied payload is correct and supported by this service.',
  },
  PreconditionFailed: {
    text: 'The ETag supplied did not match the ETag required to change this resource.',
    severity: 'Critical',
    resolution: 'Try the operation again using the appropriate ETag.',
  },
  PropertyMissing: {
    text: 'The property %1 is a required property and must be included in the request.',
    severity: 'Warning',
    resolution:
      'Ensure that the property is in the request body and has a valid value and resubmit the request if the operation failed.',
  },
  PropertyNotWritable: {
    text: 'The property %1 is a read only property and cannot be assigned a value.',
    severity: 'Warning',
    resolution: 'Remove the property from the request body and resubmit the request if the operation failed.',
  },
  PropertyUnknown: {
    text: 'The property %1 is not in the list of valid properties for the resource.',
    severity: 'Warning',
    resolution: 'Remove the unknown property from the request body and resubmit the request if the operation failed.',
  },
  PropertyValueNotInList: {
    text: "The value '%1' for the property %2 is not in the list of acceptable values.",
    severity: 'Warning',
    resolution:
      'Choose a value from the enumeration list that the implementation can support and resubmit the request if the operation failed.',
  },
  PropertyValueTypeError: {
    text: "The value '%1' for the property %2 is of a different type than the property can accept.",
    severity: 'Warning',
    resolution:
      'Correct the value for the property in the request body and resubmit the request if the operation failed.',
  },
  ResourceAtUriInUnknownFormat: {
    text: "The resource at '%1' is in a format not recognized by the service.",
    severity: 'Critical',
    resolution: 'Place an image or resource or file that is recognized by the service at the URI.',
  },
  ResourceAtUriUnauthorized: {
    text: "While accessing the resource at '%1', the service received an authorization error '%2'.",
    severity: 'Critical',
    resolution: 'Ensure that the appropriate access is provided for the service in order for it to access the URI.',
  },
  ResourceInUse: {
    text: 'The change to the requested resource failed because the resource is in use or in transition.',
    severity: 'Warning',
    resolution: 'Remove the condition and resubmit the request if the operation failed.',
  },
  ResourceMissingAtURI: {
    text: "The resource at the URI '%1' was not found.",
    severity: 'Critical',
    resolution: 'Place a valid resource at the URI or correct the URI and resubmit the request.',
  },
  ServiceTemporarilyUnavailable: {
    text: 'The service is temporarily unavailable.  Retry in %1 seconds.',
    severity: 'Critical',
    resolution: 'Wait for the indicated retry duration and retry the operation.',
  },
  SessionLimitExceeded: {
    text: 'The session establishment failed due to the number of simultaneous sessions exceeding the limit of the implementation.',
    severity: 'Critical',
    resolution:
      'Reduce the number of other sessions before trying to establish the session or increase the limit of simultaneous sessions, if supported.',
  },
  UnrecognizedRequestBody: {
    text: 'The service detected a malformed request body that it was unable to interpret.',
    severity: 'Warning',
    resolution: 'Correct the request body and resubmit the request if it failed.',
  },
} as const satisfies Record<string, Message>

export type MessageKey = keyof typeof baseMessages
