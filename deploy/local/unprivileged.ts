// Runs a program that refuses root as an ordinary user when this process is root. It creates no user and changes no folder
// above the given ones.
import { readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { hasCode } from './files.ts'

/** The user of the program. `prefix` goes before its command line and is empty when the process is not root. */
export type Unprivileged = { prefix: readonly string[]; uid?: number; gid?: number }

/** In order of preference; every Debian and Ubuntu has `nobody`. */
const userNames = ['postgres', 'nobody']

/**
 * Resolves with the user and prefix for a program that works on the given paths. For root, the user is the owner of `owned` when
 * that exists and root does not own it, else the first of `userNames`. The program gets one capability when this user may not
 * enter a folder above the program or a path (/root is 0700), otherwise none.
 * @throws when this is root and the machine has none of the users.
 */
export async function unprivileged({
  owned,
  program,
  paths,
}: {
  owned: string
  program: string
  paths: readonly string[]
}): Promise<Unprivileged> {
  if (process.getuid?.() !== 0) return { prefix: [] }
  const user = (await ownerOf(owned)) ?? (await firstUser())
  const prefix = ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups', '--']
  const executable = await mayPass({ path: program, ...user })
  const folders = await Promise.all([program, ...paths].map((path) => mayEnterFoldersOf({ path, ...user })))
  if (!executable || folders.includes(false)) {
    // dac_read_search is narrower, but cannot run a program that only its owner may run; and container engines grant only
    // dac_override by default.
    const capability = executable && (await maySearchAnywhere()) ? '+dac_read_search' : '+dac_override'
    // PostgreSQL calls access(2) before it runs a program, and access(2) ignores the capability without this secure bit.
    const words = [`--inh-caps=${capability}`, `--ambient-caps=${capability}`, '--securebits=+no_setuid_fixup']
    prefix.splice(-1, 0, ...words)
  }
  return { prefix, ...user }
}

async function ownerOf(path: string): Promise<{ uid: number; gid: number } | undefined> {
  try {
    const { uid, gid } = await stat(path)
    return uid === 0 ? undefined : { uid, gid }
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

async function firstUser(): Promise<{ uid: number; gid: number }> {
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  for (const name of userNames) {
    const [, , uid, gid] = users.find(([user]) => user === name) ?? []
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new Error(`running as root, and none of the users ${userNames.join(', ')} exists to run as instead`)
}

async function mayEnterFoldersOf({ path, ...user }: { path: string; uid: number; gid: number }): Promise<boolean> {
  const folder = dirname(path)
  if (!(await mayPass({ path: folder, ...user }))) return false
  return folder === path || (await mayEnterFoldersOf({ path: folder, ...user }))
}

/** The execute bit: permission to run a program or to enter a folder. */
async function mayPass({ path, uid, gid }: { path: string; uid: number; gid: number }): Promise<boolean> {
  const { mode, uid: owner, gid: group } = await stat(path)
  const bit = owner === uid ? 0o100 : group === gid ? 0o010 : 0o001
  return (mode & bit) !== 0
}

/** True when this process may pass on CAP_DAC_READ_SEARCH (bit 2, linux/capability.h). */
async function maySearchAnywhere(): Promise<boolean> {
  const bounding = /^CapBnd:\s*([0-9a-f]+)$/m.exec(await readFile('/proc/self/status', 'utf8'))?.[1] ?? '0'
  return (BigInt(`0x${bounding}`) & 0b100n) !== 0n
}
