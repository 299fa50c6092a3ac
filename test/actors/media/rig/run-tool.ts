// Runs an independent program on an image, and collects what it took out of it.
import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { TaskFile } from '../../../../actors/media/task-iso.ts'
import { type ToolName, tool } from '../../../rig/debian-tools.ts'
import { patienceMs } from '../../../rig/patience.ts'

const execute = promisify(execFile)

/** What it prints, in UTC. Rejects when it ends with an error. */
export async function runTool(name: ToolName, args: readonly string[]): Promise<Buffer> {
  const { command, env } = await tool(name)
  const options = {
    env: { ...env, TZ: 'UTC', LC_ALL: 'C' },
    encoding: 'buffer',
    maxBuffer: 64 * 1024 * 1024,
    timeout: patienceMs,
  } as const
  const { stdout } = await execute(command, args, options)
  return stdout
}

/** Contents by name, in hex so that a difference can be read. */
export async function filesBelow(folder: string): Promise<Map<string, string>> {
  const names = await readdir(folder)
  return new Map(
    await Promise.all(names.map(async (name) => [name, (await readFile(join(folder, name))).toString('hex')] as const)),
  )
}

/** What `filesBelow` has to answer for these files. */
export function contentsOf(files: readonly TaskFile[]): Map<string, string> {
  return new Map(files.map(({ path, bytes }) => [path.slice(1), Buffer.from(bytes).toString('hex')]))
}
