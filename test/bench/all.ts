/**
 * Every benchmark, one after the other, each in a process of its own, so that none inherits another's heap. Peers are
 * installed first where they are missing. A benchmark that fails does not keep the others from running.
 *
 *   npm run bench [-- --json]
 *
 * With `--json` standard output has one JSON object per line, one for each benchmark.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { asJson, progress } from './report.ts'

const benches = ['transition', 'iso', 'append', 'publish', 'replay', 'rebuild', 'redfish', 'fleet']
const installTimeoutMs = 5 * 60_000
/** The fleet of 3 500 takes longest, and bounds itself. */
const benchTimeoutMs = 30 * 60_000

type Output = 'to stdout' | 'to stderr'

/** Whether it ended well. */
async function run(command: string, args: readonly string[], output: Output, timeoutMs: number): Promise<boolean> {
  const stdout = output === 'to stdout' ? process.stdout.fd : process.stderr.fd
  const child = spawn(command, args, { stdio: ['ignore', stdout, 'inherit'], timeout: timeoutMs })
  const [code] = await once(child, 'exit')
  return code === 0
}

const folder = import.meta.dirname
if (!existsSync(join(folder, 'node_modules'))) {
  progress('installing what the product is measured against')
  if (!(await run('npm', ['ci', '--prefix', folder], 'to stderr', installTimeoutMs)))
    progress('the peers could not be installed; measuring without them')
}
const failed: string[] = []
for (const bench of benches) {
  progress(`bench:${bench}`)
  const args = [join(folder, `${bench}.ts`), ...(asJson ? ['--json'] : [])]
  if (!(await run(process.execPath, args, 'to stdout', benchTimeoutMs))) failed.push(bench)
}
if (failed.length > 0) {
  progress(`failed: ${failed.join(', ')}`)
  process.exitCode = 1
}
