/**
 * Errors with messages of the Base message registry 1.16.0 (DSP8011), in the form of DSP0266 ("Error responses") or in
 * that of a vendor: a refusal is kept apart from its body until the profile's style is known.
 */
import { type JsonObject, noContent, type Reply } from './reply.ts'

export type Severity = 'Informational' | 'Warning' | 'Critical'

/** One entry of a message registry. */
export type Message = { readonly text: string; readonly severity: Severity; readonly resolution: string }

/** An entry of a vendor's own registry, with its whole id. */
export type VendorMessage = Message & { readonly id: string }

const messages = {
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

export type MessageKey = keyof typeof messages

/** What is wrong with a request. */
export type Refusal = {
  /** A message of the Base registry, or one of the vendor's. */
  readonly key: MessageKey | VendorMessage
  readonly args?: readonly string[]
  /** Names of the body's properties that the message is about, as JSON pointers without the leading `#`. */
  readonly related?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
}

/** One message, ready to be written down. */
export type RenderedMessage = {
  readonly id: string
  readonly text: string
  readonly severity: Severity
  readonly resolution: string
  readonly args: readonly string[]
  /** JSON pointers without the leading `#`. */
  readonly related: readonly string[]
}

/** How one make of BMC speaks of errors and of success. */
export type MessageStyle = {
  /** Prefix of the ids of Base messages, such as `Base.1.16`. */
  readonly base: string
  /** The vendor's message that stands for one of the Base registry. */
  readonly own?: Readonly<Partial<Record<MessageKey, VendorMessage>>>
  /** The body of an error. */
  readonly body: (message: RenderedMessage) => JsonObject
  /** What an action or a PATCH is answered with when it was accepted. */
  readonly done: Reply
}

/** The form of DSP0266: `error` with code, message and one entry of extended information. */
export const dmtf: MessageStyle = {
  base: 'Base.1.16',
  body: ({ id, text, severity, resolution, args, related }) => {
    const info = {
      '@odata.type': '#Message.v1_1_2.Message',
      MessageId: id,
      Message: text,
      MessageArgs: args,
      MessageSeverity: severity,
      Severity: severity,
      Resolution: resolution,
      ...(related.length === 0 ? {} : { RelatedProperties: related.map((pointer) => `#${pointer}`) }),
    }
    return { error: { code: id, message: text, '@Message.ExtendedInfo': [info] } }
  },
  done: noContent,
}

/** The reply to a request that is refused. Its body is written by `styled`. */
export function refuse(status: number, refusal: Refusal): Reply {
  return { status, headers: refusal.headers ?? {}, refusal }
}

/** The reply with the body of its refusal in this style; any other reply as it is. */
export function styled(reply: Reply, style: MessageStyle): Reply {
  const { refusal, ...rest } = reply
  return refusal === undefined ? reply : { ...rest, body: style.body(render(refusal, style)) }
}

function render({ key, args = [], related = [] }: Refusal, style: MessageStyle): RenderedMessage {
  const ofBase = (name: MessageKey): VendorMessage => ({ ...messages[name], id: `${style.base}.${name}` })
  const { id, text, severity, resolution } = typeof key === 'string' ? (style.own?.[key] ?? ofBase(key)) : key
  const filled = text.replace(/%(\d)/g, (placeholder, index: string) => args[Number(index) - 1] ?? placeholder)
  const placeholders = Math.max(0, ...[...text.matchAll(/%(\d)/g)].map(([, index]) => Number(index)))
  return { id, text: filled, severity, resolution, args: args.slice(0, placeholders), related }
}
