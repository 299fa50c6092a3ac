// Runs a program as an ordinary user when this process is root, for programs that refuse root. Creates no user and
// changes no folder above those it is given.
import { readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { hasCode } from './files.ts'

/** Who the program runs as. `prefix` goes before its command line and is empty when nothing has to change. */
export type Unprivileged = { prefix: readonly string[]; uid?: number; gid?: number }

/** In order of preference; every Debian and Ubuntu has `nobody`. */
const userNames = ['postgres', 'nobody']

/**
 * Resolves with how to run the program, which works on the given paths. When root, the user is the owner of `owned` where
 * that exists and is not root's own, else the first of `userNames`. A program or path below a folder that this user may
 * not enter (/root is 0700) costs one capability that lets it pass; otherwise the program gets none.
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
    // Searching folders is the narrower one, but does not run a program that only its owner may run; and a container engine
    // hands on only the wider one unless told otherwise.
    const capability = executable && (await maySearchAnywhere()) ? '+dac_read_search' : '+dac_override'
    // Without the secure bit access(2), which PostgreSQL asks before it runs a program, would not count the capability.
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

/** The execute bit: runs a program, enters a folder. */
async function mayPass({ path, uid, gid }: { path: string; uid: number; gid: number }): Promise<boolean> {
  const { mode, uid: owner, gid: group } = await stat(path)
  const bit = owner === uid ? 0o100 : group === gid ? 0o010 : 0o001
  return (mode & bit) !== 0
}

/** Whether CAP_DAC_READ_SEARCH (bit 2, linux/capability.h) is there to be handed on. */
async function maySearchAnywhere(): Promise<boolean> {
  const bounding = /^CapBnd:\s*([0-9a-f]+)$/m.exec(await readFile('/proc/self/status', 'utf8'))?.[1] ?? '0'
  return (BigInt(`0x${bounding}`) & 0b100n) !== 0n
}
