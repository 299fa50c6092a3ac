// A lock between processes: flock(2), held through flock(1), so the kernel releases it when its holder dies. A lock file is
// never stale.
import { spawn } from 'node:child_process'
import { once } from 'node:events'

/**
 * Runs the work while holding the lock on the file (created when absent, never removed) and resolves with its result.
 * Waiting for the lock ends with the signal.
 * @throws when flock(1), part of util-linux, cannot be run; and whatever the work throws.
 */
export async function withFileLock<T>(
  { path, signal }: { path: string; signal: AbortSignal },
  work: () => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  // The shell prints a line when it holds the lock, and holds it until its standard input is closed: by this process, or by
  // the kernel when this process dies.
  const holder = spawn('flock', [path, 'sh', '-c', 'echo held; exec cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  try {
    const held = once(holder.stdout, 'data', { signal })
    const ended = once(holder, 'close', { signal }).then(([status]) => {
      throw new Error(`flock ended with status ${status} before it held ${path}`)
    })
    await Promise.race([held, ended])
    return await work()
  } finally {
    holder.stdin.end()
    holder.kill('SIGTERM')
  }
}
