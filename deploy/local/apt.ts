// apt as a downloader. It writes to folders of its own, so it needs neither root nor the system's locks.
import { randomUUID } from 'node:crypto'
import { mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { exists, hasCode } from './files.ts'
import { CommandFailed, runCommand } from './run-command.ts'

const indexAgeMsMax = 24 * 60 * 60 * 1000
const downloadTimeoutMs = 5 * 60 * 1000

type Download = {
  packages: readonly string[]
  aptDir: string
  archives: string
  signal: AbortSignal
  onProgress: ((message: string) => void) | undefined
}

/**
 * Downloads the packages, and those of their dependencies that this system lacks, into the existing folder `archives`; apt
 * verifies them. apt keeps its index in `aptDir`, which one process may use at a time.
 * @throws noApt, or when apt cannot resolve, download or verify a package.
 */
export async function downloadPackages({ packages, aptDir, archives, signal, onProgress }: Download): Promise<void> {
  await mkdir(join(aptDir, 'lists', 'partial'), { recursive: true })
  const config = join(aptDir, `apt-${randomUUID()}.conf`)
  const env = { ...process.env, LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive', TMPDIR: aptDir }
  const apt = async (...args: string[]) => {
    const arguments_ = ['--config-file', config, '--quiet=2', ...args]
    await runCommand({ command: 'apt-get', args: arguments_, env, signal, timeoutMs: downloadTimeoutMs })
  }
  // apt reads the index before the first download, once a day, and when packages of the index are no longer there.
  const update = async () => {
    onProgress?.('reading the package index')
    await apt('update')
    await writeFile(join(aptDir, 'updated'), '')
  }
  const fetch = async () => {
    onProgress?.(`downloading ${packages.join(', ')}`)
    await apt('install', '--download-only', '--yes', '--no-install-recommends', ...packages)
  }
  await writeFile(config, aptConfig({ aptDir, archives }))
  try {
    const updated = join(aptDir, 'updated')
    const fresh = (await exists(updated)) && Date.now() - (await stat(updated)).mtimeMs < indexAgeMsMax
    const faults: unknown[] = []
    const attempt = async (step: () => Promise<void>) => {
      try {
        await step()
        return true
      } catch (error) {
        if (!(error instanceof CommandFailed)) throw error
        if (hasCode(error.cause, 'ENOENT')) throw noApt(packages)
        faults.push(error)
        return false
      }
    }
    if (fresh && (await attempt(fetch))) return
    // One source that does not answer fails the update; the index of the others may suffice.
    await attempt(update)
    if (await attempt(fetch)) return
    signal.throwIfAborted()
    const reasons = faults.map((fault) => (fault instanceof Error ? fault.message : String(fault)))
    throw new AggregateError(faults, `apt could not provide ${packages.join(', ')}: ${reasons.join('; ')}`)
  } finally {
    await rm(config, { force: true })
  }
}

/**
 * apt reads this after the system's configuration, whose sources, keys and proxies stay in force. It clears the hooks that
 * distributions run after an update, since they change the system, and replaces the sandbox user, who cannot write to our
 * folders.
 */
function aptConfig({ aptDir, archives }: { aptDir: string; archives: string }): string {
  const settings: Record<string, string> = {
    'Dir::State': aptDir,
    'Dir::State::lists': `${join(aptDir, 'lists')}/`,
    'Dir::State::status': '/var/lib/dpkg/status',
    'Dir::Cache': aptDir,
    'Dir::Cache::archives': `${archives}/`,
    'Dir::Log': aptDir,
    'APT::Sandbox::User': 'root',
    'APT::Keep-Downloaded-Packages': 'true',
    'Debug::NoLocking': 'true',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '2',
    'Acquire::http::Timeout': '30',
    'Acquire::https::Timeout': '30',
    'Acquire::IndexTargets::deb-src::Sources::DefaultEnabled': 'false',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
  }
  const hooks = ['APT::Update::Pre-Invoke', 'APT::Update::Post-Invoke', 'APT::Update::Post-Invoke-Success']
  const lines = Object.entries(settings).map(([name, value]) => `${name} ${JSON.stringify(value)};`)
  return `${hooks.map((hook) => `#clear ${hook};`).join('\n')}\n${lines.join('\n')}\n`
}

export function noApt(packages: readonly string[]): Error {
  return new Error(`this machine has no apt-get: install ${packages.join(', ')} by other means`)
}
