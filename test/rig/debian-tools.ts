// Independent programs that tests check our work with, out of Debian's packages: taken from the system when it has
// them, else unpacked once into the project's cache folder.
import { delimiter, join, resolve } from 'node:path'
import { unpackDebianPackages } from '../../deploy/local/debian-packages.ts'
import { firstExecutable } from '../../deploy/local/files.ts'
import { CommandFailed, runCommand } from '../../deploy/local/run-command.ts'
import { patience, patienceMs } from './patience.ts'

/** A program and the environment to run it in, whole. */
export type Tool = { command: string; env: NodeJS.ProcessEnv }

export type ToolName = keyof typeof packages

const packages = {
  xorriso: 'xorriso',
  isoinfo: 'genisoimage',
  '7z': 'p7zip-full',
  mdir: 'mtools',
  mformat: 'mtools',
  mcopy: 'mtools',
  'fsck.fat': 'dosfstools',
  sgdisk: 'gdisk',
  python3: 'python3-sushy',
} as const
const cacheDir = resolve(import.meta.dirname, '../../.cache/debian')
const found = new Map<ToolName, Promise<Tool>>()

/**
 * Resolves with the program, ready to run. `python3` is the distribution's interpreter, never another one that stands
 * before it on the PATH, and can `import sushy`.
 * @throws when the system lacks it and apt cannot provide it.
 */
export function tool(name: ToolName): Promise<Tool> {
  const known = found.get(name)
  if (known !== undefined) return known
  const search = find(name)
  found.set(name, search)
  return search
}

async function find(name: ToolName): Promise<Tool> {
  const installed = name === 'python3' ? await systemPython() : await onPath(name)
  if (installed !== undefined) return installed
  const signal = patience()
  const unpacked = await unpackDebianPackages({ packages: [packages[name]], cacheDir, signal })
  if (name === 'python3') {
    const env = {
      ...withoutPythonSettings(unpacked.env),
      PYTHONPATH: join(unpacked.root, 'usr/lib/python3/dist-packages'),
    }
    return { command: unpacked.command('python3'), env }
  }
  // The package's own 7z is a script that names the program by a path which only an installation has.
  const programs = name === '7z' ? ['usr/lib/7zip/7z', 'usr/lib/p7zip/7z'].map((path) => join(unpacked.root, path)) : []
  const command = (await firstExecutable(programs)) ?? unpacked.command(name)
  return { command, env: unpacked.env }
}

async function onPath(name: string): Promise<Tool | undefined> {
  const dirs = (process.env['PATH'] ?? '').split(delimiter).filter((dir) => dir !== '')
  const command = await firstExecutable(dirs.map((dir) => join(dir, name)))
  return command === undefined ? undefined : { command, env: process.env }
}

async function systemPython(): Promise<Tool | undefined> {
  const command = await firstExecutable(['/usr/bin/python3'])
  if (command === undefined) return undefined
  const env = withoutPythonSettings(process.env)
  try {
    await runCommand({
      command,
      args: ['-c', 'from sushy import Sushy'],
      env,
      signal: patience(),
      timeoutMs: patienceMs,
    })
    return { command, env }
  } catch (error) {
    if (error instanceof CommandFailed && error.status === 1) return undefined
    throw error
  }
}

function withoutPythonSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const rest = Object.entries(env).filter(([name]) => !/^(PYTHON|PYENV|VIRTUAL_ENV)/.test(name))
  return { ...Object.fromEntries(rest), PYTHONNOUSERSITE: '1' }
}
