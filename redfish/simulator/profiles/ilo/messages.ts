/** The form of errors in iLO: the id and the arguments, no text (fixtures/errors/ilo). */
import type { MessageStyle } from '../../bmc/messages.ts'
import type { VendorMessage } from '../../bmc/refusal.ts'
import type { JsonObject } from '../../bmc/reply.ts'

export type IloMessage =
  | 'InvalidOperationForSystemState'
  | 'LicenseKeyRequired'
  | 'MaxVirtualMediaConnectionEstablished'
  | 'NoVirtualMediaConnectionAvailable'
  | 'ResetInProgress'
  | 'UnableToModifyDuringSystemPOST'

/** A message of iLO's registry: its text stays in the registry, so only the placeholders matter here. */
export function iloMessage(registry: string, name: IloMessage): VendorMessage {
  const takesArgument = name === 'InvalidOperationForSystemState' || name === 'UnableToModifyDuringSystemPOST'
  return { id: `${registry}.${name}`, text: takesArgument ? '%1' : '', severity: 'Warning', resolution: '' }
}

function envelope(info: JsonObject): JsonObject {
  return {
    error: {
      code: 'iLO.0.10.ExtendedInfo',
      message: 'See @Message.ExtendedInfo for more information.',
      '@Message.ExtendedInfo': [info],
    },
  }
}

/** Success is an `error` as well, with status 200. */
export function iloStyle({ base, registry }: { readonly base: string; readonly registry: string }): MessageStyle {
  return {
    base,
    own: { ServiceTemporarilyUnavailable: iloMessage(registry, 'ResetInProgress') },
    body: ({ id, args }) => envelope({ ...(args.length === 0 ? {} : { MessageArgs: args }), MessageId: id }),
    done: { status: 200, body: envelope({ MessageId: `${base}.Success` }) },
  }
}

/** `W/"14700DD6"`. */
export function weakTag(digest: string): string {
  return `W/"${digest.slice(0, 8).toUpperCase()}"`
}
