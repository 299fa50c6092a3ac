// Runs programs of Debian and Ubuntu packages without installing them: apt resolves, downloads and verifies the packages
// into folders of our own, dpkg unpacks them into a root folder beside. The system does not change, so this needs neither
// root nor apt's locks. Maintainer scripts do not run: whatever they would set up is missing.
import { createHash } from 'node:crypto'
import { accessSync, constants, statSync } from 'node:fs'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { delimiter, join, resolve } from 'node:path'
import { downloadPackages, noApt } from './apt.ts'
import { withFileLock } from './file-lock.ts'
import { exists, hasCode, readIfPresent } from './files.ts'
import { CommandFailed, runCommand } from './run-command.ts'

/** Unpacked packages: their root folder, the environment for their programs, and the paths of those programs. */
export type UnpackedPackages = {
  root: string
  env: NodeJS.ProcessEnv
  /** @throws when neither the root nor the system has the program. */
  command(name: string): string
}

export type PackageRequest = {
  packages: readonly string[]
  cacheDir: string
  signal: AbortSignal
  /** Called with a few words before each step; never called when the packages are unpacked already. */
  onProgress?: (message: string) => void
}

const programDirs = ['usr/local/bin', 'usr/bin', 'bin', 'usr/local/sbin', 'usr/sbin', 'sbin', 'usr/games']
const localTimeoutMs = 60 * 1000

/**
 * Resolves once the packages, and those of their dependencies that this system lacks, are unpacked below `cacheDir`.
 * A second call returns at once, and processes may call it at the same time: one rename makes a complete root. A root belongs
 * to the distribution release, the architecture and the set of requested packages that the system has; another root is made
 * when one of these changes.
 * @throws when there is no apt-get, and when apt cannot resolve, download or verify a package.
 */
export async function unpackDebianPackages(request: PackageRequest): Promise<UnpackedPackages> {
  const { packages, signal } = request
  for (const name of packages) {
    if (!/^[a-z0-9][a-z0-9+.-]+$/.test(name)) throw new Error(`not a Debian package name: ${name}`)
  }
  const cacheDir = resolve(request.cacheDir)
  const root = join(cacheDir, 'roots', await rootName({ packages, signal }))
  if (!(await exists(root))) {
    await mkdir(join(cacheDir, 'roots'), { recursive: true })
    request.onProgress?.(`preparing ${packages.join(', ')}`)
    await withFileLock({ path: join(cacheDir, 'lock'), signal }, async () => {
      if (!(await exists(root))) await fill({ ...request, cacheDir, root })
    })
  }
  return describe(root)
}

async function rootName({ packages, signal }: { packages: readonly string[]; signal: AbortSignal }): Promise<string> {
  const sorted = packages.toSorted()
  const facts = [await release(), process.arch, ...sorted, ...(await installed({ packages: sorted, signal }))]
  const digest = createHash('sha256').update(facts.join('\n')).digest('hex').slice(0, 12)
  return `${sorted.join('_').slice(0, 80)}-${digest}`
}

async function release(): Promise<string> {
  const text = (await readIfPresent('/etc/os-release')) ?? 'unknown release'
  const lines = text.split('\n').filter((line) => /^(ID|VERSION_ID|VERSION_CODENAME)=/.test(line))
  return lines.join('\n')
}

async function installed({
  packages,
  signal,
}: {
  packages: readonly string[]
  signal: AbortSignal
}): Promise<string[]> {
  const args = ['--show', '--showformat', `\${Package} \${db:Status-Status}\n`, ...packages]
  try {
    const output = await runCommand({ command: 'dpkg-query', args, signal, timeoutMs: localTimeoutMs })
    return output.split('\n').filter((line) => line.endsWith(' installed'))
  } catch (error) {
    // Status 1: dpkg does not know one of the packages; a query for each alone finds those that it knows.
    if (!(error instanceof CommandFailed)) throw error
    if (hasCode(error.cause, 'ENOENT')) throw noApt(packages)
    if (error.status !== 1) throw error
    if (packages.length <= 1) return []
    const each = await Promise.all(packages.map((name) => installed({ packages: [name], signal })))
    return each.flat()
  }
}

async function fill(options: PackageRequest & { root: string }): Promise<void> {
  const { packages, cacheDir, root, signal, onProgress } = options
  // Only the holder of the lock writes here, so a partial folder was left by a process that died.
  const partial = join(cacheDir, 'partial')
  await rm(partial, { recursive: true, force: true })
  const archives = join(partial, 'archives')
  await mkdir(join(partial, 'root'), { recursive: true })
  await mkdir(join(archives, 'partial'), { recursive: true })
  await downloadPackages({ packages, aptDir: join(cacheDir, 'apt'), archives, signal, onProgress })
  const files = (await readdir(archives)).filter((name) => name.endsWith('.deb'))
  onProgress?.(`unpacking ${files.length} packages`)
  for (const file of files) {
    const args = ['--extract', join(archives, file), join(partial, 'root')]
    await runCommand({ command: 'dpkg', args, signal, timeoutMs: localTimeoutMs })
  }
  await rename(join(partial, 'root'), root)
  await rm(partial, { recursive: true, force: true })
}

async function describe(root: string): Promise<UnpackedPackages> {
  const libraryDirs: string[] = []
  for (const base of ['usr/lib', 'lib']) {
    const names = (await exists(join(root, base))) ? await readdir(join(root, base)) : []
    libraryDirs.push(...names.filter((name) => /-linux-gnu\w*$/.test(name)).map((name) => join(root, base, name)))
    libraryDirs.push(join(root, base))
  }
  const env = {
    ...process.env,
    PATH: prepend(
      programDirs.map((dir) => join(root, dir)),
      process.env['PATH'],
    ),
    LD_LIBRARY_PATH: prepend(libraryDirs, process.env['LD_LIBRARY_PATH']),
    PYTHONPATH: prepend([join(root, 'usr/lib/python3/dist-packages')], process.env['PYTHONPATH']),
  }
  return { root, env, command: (name) => findCommand({ root, name }) }
}

function findCommand({ root, name }: { root: string; name: string }): string {
  const candidates = [root, '/'].flatMap((base) => programDirs.map((dir) => join(base, dir, name)))
  const found = candidates.find(isExecutable)
  if (found === undefined) throw new Error(`no program ${name} in ${root} or on the system`)
  return found
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'EACCES', 'ENOTDIR')) return false
    throw error
  }
}

function prepend(dirs: readonly string[], rest: string | undefined): string {
  return [...dirs, ...(rest ? [rest] : [])].join(delimiter)
}
