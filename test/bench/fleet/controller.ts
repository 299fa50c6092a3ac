/** The controller under measurement: `provisioner serve` in a process of its own, and what Linux says of that process. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../../e2e/rig/processes.ts'
import { writeMaintenanceIso } from '../../e2e/rig/storage.ts'

type Usage = {
  /** User and system time since the process began. */
  readonly cpuSeconds: number
  /** Resident memory now, and the most so far. */
  readonly rssBytes: number
  readonly rssPeakBytes: number
}

export type MeasuredController = {
  readonly url: string
  readonly usage: () => Promise<Usage>
  readonly stop: () => Promise<void>
}

const startTimeoutMs = 60_000
const stopTimeoutMs = 60_000
const lookEveryMs = 100
/** Of /proc/<pid>/stat, on every Linux that Node runs on (proc(5), sysconf(_SC_CLK_TCK)). */
const ticksPerSecond = 100

/**
 * Resolves once it is ready. Its log, at the level of production, goes to `controller.log` in the folder.
 * @param profileDir where Node writes a CPU profile of it at its end.
 * @throws when it is not ready within a minute.
 */
export async function startController(options: {
  readonly folder: string
  readonly settings: NodeJS.ProcessEnv
  readonly profileDir: string | null
}): Promise<MeasuredController> {
  const { folder, settings, profileDir } = options
  await writeMaintenanceIso(folder)
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const log = await open(join(folder, 'controller.log'), 'w')
  const child = fork(new URL('controller-process.ts', import.meta.url), {
    env: { PATH: process.env['PATH'], STORAGE_ROOT: folder, HTTP_ADDR: `127.0.0.1:${port}`, ...settings },
    stdio: ['ignore', log.fd, 'inherit', 'ipc'],
    execArgv: profileDir === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`],
  })
  await log.close()
  try {
    await ready(child, url)
  } catch (error) {
    await stop(child)
    throw error
  }
  return { url, usage: () => usageOf(child.pid ?? 0), stop: () => stop(child) }
}

async function ready(child: ChildProcess, url: string): Promise<void> {
  const signal = AbortSignal.timeout(startTimeoutMs)
  for (;;) {
    if (child.exitCode !== null) throw new Error('the controller ended before it was ready; its log says why')
    try {
      const { ok } = await fetch(`${url}/readyz`, { signal })
      if (ok) return
    } catch (error) {
      // Nobody listens yet.
      if (signal.aborted) throw new Error('the controller was not ready within a minute', { cause: error })
    }
    await delay(lookEveryMs, undefined, { signal })
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
  await ended
  clearTimeout(timer)
}

/** proc(5): fields 14 and 15 of `stat` are utime and stime; the name, field 2, may hold blanks and brackets. */
async function usageOf(pid: number): Promise<Usage> {
  const [stat, status] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8'),
    readFile(`/proc/${pid}/status`, 'utf8'),
  ])
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1])
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
    rssBytes: kilobytes('VmRSS') * 1024,
    rssPeakBytes: kilobytes('VmHWM') * 1024,
  }
}
