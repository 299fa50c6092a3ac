/**
 * Errors with messages of the Base message registry 1.16.0 (DSP8011), in the form of DSP0266 ("Error responses") or in
 * that of a vendor: a refusal is kept apart from its body until the profile's style is known.
 */
import { baseMessages, type MessageKey, type Severity } from './base-messages.ts'
import type { Refusal, VendorMessage } from './refusal.ts'
import { type JsonObject, noContent, type Reply } from './reply.ts'

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
  const ofBase = (name: MessageKey): VendorMessage => ({ ...baseMessages[name], id: `${style.base}.${name}` })
  const { id, text, severity, resolution } = typeof key === 'string' ? (style.own?.[key] ?? ofBase(key)) : key
  const filled = text.replace(/%(\d)/g, (placeholder, index: string) => args[Number(index) - 1] ?? placeholder)
  const placeholders = Math.max(0, ...[...text.matchAll(/%(\d)/g)].map(([, index]) => Number(index)))
  return { id, text: filled, severity, resolution, args: args.slice(0, placeholders), related }
}
