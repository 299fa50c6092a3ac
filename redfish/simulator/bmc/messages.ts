/**
 * Errors with messages of the Base message registry 1.16.0 (DSP8011), in the form of DSP0266 ("Error responses") or of a
 * vendor. A reply carries a refusal until `styled` writes its body in the style of the profile.
 */
import { baseMessages, type MessageKey, type Severity } from './base-messages.ts'
import type { Refusal, VendorMessage } from './refusal.ts'
import { type JsonObject, noContent, type Reply } from './reply.ts'

/** One message with its placeholders filled in. */
type RenderedMessage = {
  readonly id: string
  readonly text: string
  readonly severity: Severity
  readonly resolution: string
  readonly args: readonly string[]
  /** JSON pointers without the leading `#`. */
  readonly related: readonly string[]
}

/** The form in which one make of BMC writes errors and successes. */
export type MessageStyle = {
  /** Prefix of the ids of Base messages, such as `Base.1.16`. */
  readonly base: string
  /** The vendor's own messages in place of messages of the Base registry. */
  readonly own?: Readonly<Partial<Record<MessageKey, VendorMessage>>>
  /** The body of an error. */
  readonly body: (message: RenderedMessage) => JsonObject
  /** The reply to an accepted action or PATCH. */
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

/** A reply that refuses a request; `styled` writes its body. */
export function refuse(status: number, refusal: Refusal): Reply {
  return { status, headers: refusal.headers ?? {}, refusal }
}

/** The reply with its refusal written in this style; any other reply unchanged. */
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
