/** The reason of a refusal, before it is put into the words of a vendor. */
import type { Message, MessageKey } from './base-messages.ts'

/** An entry of a vendor's own registry, with its full id. */
export type VendorMessage = Message & { readonly id: string }

export type Refusal = {
  /** A message of the Base registry, or one of the vendor's. */
  readonly key: MessageKey | VendorMessage
  readonly args?: readonly string[]
  /** The body's properties that the message is about, as JSON pointers without the leading `#`. */
  readonly related?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
}
