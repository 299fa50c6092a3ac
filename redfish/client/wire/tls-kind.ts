/** The security of a connection in one word, for operators. Pure. */
import type { BmcDescription, TlsPolicy } from '../../bmc.ts'

export type TlsOptions = { readonly tls: TlsPolicy; readonly secure: boolean }

export function tlsOf({ tls, secure }: TlsOptions): BmcDescription['tls'] {
  if (!secure) return 'none'
  switch (tls.mode) {
    case 'system':
    case 'ca':
      return 'verified'
    case 'pinned':
      return 'pinned'
    case 'insecure':
      return 'insecure'
  }
}
