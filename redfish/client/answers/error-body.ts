/**
 * Reads the error bodies of BMCs into one summary. All shapes come from recorded bodies
 * (quirks.md 10): ExtendedInfo as an array, as a single object, at the root; `MessageID`; `Message` beside `message`;
 * the `Messages` of iLO 4; plain text, HTML, or nothing at all.
 */

import { type Doc, isDoc, listAt, textsAt } from '../documents/resource.ts'
import type { Body } from '../wire/json.ts'
import type { Redact } from '../wire/redaction.ts'

type BmcMessage = {
  readonly id: string | null
  readonly text: string | null
  readonly related: readonly string[]
}

/** `messageId` and `message` are those of the most specific message; `related` has the properties of all messages. */
export type ErrorSummary = {
  readonly messageId: string | null
  readonly message: string | null
  readonly related: readonly string[]
  readonly messages: readonly BmcMessage[]
}

/** Bounds on the summary, so that it fits a history entry. */
const MESSAGES_MAX = 16
const RELATED_MAX = 16
const MESSAGE_CHARS_MAX = 500
const ID_CHARS_MAX = 128
const RAW_CHARS_MAX = 65_536

/** Ids of messages that only point to a more specific one. */
const GENERAL_KEYS: ReadonlySet<string> = new Set(['GeneralError', 'InternalError', 'Success'])

export const NO_ERROR_BODY: ErrorSummary = { messageId: null, message: null, related: [], messages: [] }

/**
 * Summarises an error body of any shape; `redact` takes secrets out before anything is cut or kept. Never throws: an
 * unreadable body gives an empty summary, and callers go by the status.
 */
export function readErrorBody(body: Body, redact: Redact): ErrorSummary {
  if (body.kind === 'text') return { ...NO_ERROR_BODY, message: plainText(body.text, redact) }
  if (body.kind === 'none' || !isDoc(body.value)) return NO_ERROR_BODY
  const root = body.value
  const error = isDoc(root['error']) ? root['error'] : root
  const messages = extendedInfo(root, error)
    .slice(0, MESSAGES_MAX)
    .map((info) => readMessage(info, redact))
  const telling = messages.find((message) => message.id !== null && !GENERAL_KEYS.has(messageKey(message.id)))
  const first = telling ?? messages.find((message) => message.id !== null) ?? messages[0]
  const code = rawText(error, 'code')
  const text = rawText(error, 'message') ?? rawText(error, 'Message')
  return {
    messageId: first?.id ?? (code === null ? null : clean(code, redact, ID_CHARS_MAX)),
    message: first?.text ?? (text === null ? null : clean(text, redact, MESSAGE_CHARS_MAX)),
    related: [...new Set(messages.flatMap((message) => message.related))].slice(0, RELATED_MAX),
    messages,
  }
}

/**
 * The stable part of a message id: prefixes change with every firmware (`IDRAC.1.6.SYS426`,
 * `IDRAC.2.9.SYS426`, `Base.v1_4_0.PropertyUnknown`; quirks.md 10).
 */
export function messageKey(messageId: string): string {
  return messageId.split('.').at(-1) ?? messageId
}

/** True when one of the messages has one of these keys. */
export function hasMessage(summary: ErrorSummary, keys: Iterable<string>): boolean {
  const wanted = new Set(keys)
  return (
    summary.messages.some((message) => message.id !== null && wanted.has(messageKey(message.id))) ||
    (summary.messageId !== null && wanted.has(messageKey(summary.messageId)))
  )
}

function extendedInfo(root: Doc, error: Doc): readonly Doc[] {
  for (const value of [error['@Message.ExtendedInfo'], root['@Message.ExtendedInfo'], root['Messages']]) {
    if (Array.isArray(value)) return value.filter(isDoc)
    if (isDoc(value)) return [value]
  }
  return []
}

function readMessage(info: Doc, redact: Redact): BmcMessage {
  const id = rawText(info, 'MessageId') ?? rawText(info, 'MessageID')
  const text = rawText(info, 'Message')
  // iLO names the property only in MessageArgs; they become the text where there is none, which is searched and shown.
  const args = listAt(info, 'MessageArgs').filter((arg) => typeof arg === 'string')
  const shown = text ?? (args.length === 0 ? null : args.join(', '))
  return {
    id: id === null ? null : clean(id, redact, ID_CHARS_MAX),
    text: shown === null ? null : clean(shown, redact, MESSAGE_CHARS_MAX),
    related: textsAt(info, 'RelatedProperties')
      .map((related) => clean(related.replace(/^#?\/?/, '').trim(), redact, ID_CHARS_MAX))
      .filter((related) => related !== ''),
  }
}

/** The text of an HTML page or of a plain answer on one line. */
function plainText(text: string, redact: Redact): string | null {
  const line = redact(text.slice(0, RAW_CHARS_MAX))
    .replace(/<(style|script)[\s\S]*?<\/\1>/gi, ' ')
    .replace(/<(?!image>|secret>)[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  return line === '' ? null : line.slice(0, MESSAGE_CHARS_MAX)
}

/** The text before redaction, bounded only by a large limit, because redaction misses a secret that was cut in half. */
function rawText(doc: Doc, key: string): string | null {
  const value = doc[key]
  return typeof value === 'string' && value !== '' ? value.slice(0, RAW_CHARS_MAX) : null
}

function clean(text: string, redact: Redact, charsMax: number): string {
  return redact(text).replace(/\s+/g, ' ').trim().slice(0, charsMax)
}
