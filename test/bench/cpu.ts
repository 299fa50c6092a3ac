/**
 * The CPU time that a piece of work costs, in this process and in PostgreSQL apart. Rates drift with a shared machine;
 * CPU time per transition drifts less, so benchmarks print both.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

export type CpuTime = {
  /** User and system time of this process, in µs. */
  readonly nodeUs: number
  /** Time on a CPU of the server's processes, in µs. One that ends during the work is not counted. */
  readonly postgresUs: number
}

/** Answers what the work answered, and its CPU time. `folder` is the database's, as `withDatabase` names it. */
export async function withCpuTime<Result>(
  folder: string,
  work: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly cpu: CpuTime }> {
  const before = await backendsUs(folder)
  const nodeBefore = process.cpuUsage()
  const result = await work()
  const { user, system } = process.cpuUsage(nodeBefore)
  const after = await backendsUs(folder)
  const spent = [...after].map(([pid, us]) => us - (before.get(pid) ?? 0))
  return { result, cpu: { nodeUs: user + system, postgresUs: spent.reduce((sum, us) => sum + us, 0) } }
}

/** Each child of the server's first process, with its time on a CPU so far in µs. */
async function backendsUs(folder: string): Promise<ReadonlyMap<string, number>> {
  const [postmaster = ''] = (await readFile(join(folder, 'postgres', 'cluster', 'postmaster.pid'), 'utf8')).split('\n')
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const times = await Promise.all(pids.map((pid) => childUs(pid, postmaster)))
  return new Map(times.filter((time) => time !== null))
}

/** proc(5): field 4 of `stat` is the parent; the first field of `schedstat` is the time on a CPU in ns. */
async function childUs(pid: string, parent: string): Promise<readonly [string, number] | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    if (stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] !== parent) return null
    const [ns] = (await readFile(`/proc/${pid}/schedstat`, 'utf8')).split(' ')
    return [pid, Number(ns) / 1000]
  } catch (error) {
    // The process ended between the listing and the look.
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  }
}
