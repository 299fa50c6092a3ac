// Questions to the file system that may be answered with no.
import { access, constants, readFile, stat } from 'node:fs/promises'

/** Whether this is an error of the operating system with one of the codes (`ENOENT`). */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.some((code) => code === error.code)
}

export async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false
    throw error
  }
}

/** The first of the paths that is a program this process may run. */
export async function firstExecutable(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    try {
      await access(path, constants.X_OK)
      if ((await stat(path)).isFile()) return path
    } catch (error) {
      if (!hasCode(error, 'ENOENT', 'EACCES', 'ENOTDIR')) throw error
    }
  }
  return undefined
}

/** The file's text, or undefined when there is no such file. */
export async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    // A process that ends while its file in /proc is read answers ESRCH.
    if (hasCode(error, 'ENOENT', 'ESRCH')) return undefined
    throw error
  }
}
