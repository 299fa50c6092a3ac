/** The part of an ESXi kickstart file that the warnings need: the commands of its first section. */

export type Kickstart = {
  readonly commands: readonly { readonly name: string; readonly options: readonly string[] }[]
  /** The kickstart includes another file, which may hold any command. */
  readonly includesAnother: boolean
}

/**
 * Reads the commands up to the first `%pre`, `%post` or `%firstboot`. Scripts follow there, and a `reboot` in a script
 * is the shell's. The command section comes first ("About Installation and Upgrade Scripts", VMware ESXi 8.0).
 */
export function readKickstart(text: string): Kickstart {
  const commands: Kickstart['commands'][number][] = []
  let includesAnother = false
  for (const line of text.split(/\r?\n/)) {
    const [name = '', ...options] = line.trim().split(/\s+/)
    if (name === '%include' || name === 'include') includesAnother = true
    else if (name.startsWith('%')) break
    else if (name !== '' && !name.startsWith('#')) commands.push({ name, options })
  }
  return { commands, includesAnother }
}
