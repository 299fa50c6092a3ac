// Look-ups in the file system that return undefined or false instead of an error when a file is missing.
import { access, constants, readFile, stat } from 'node:fs/promises'

/** True for an error of the operating system with one of the codes (`ENOENT`). */
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

/** The first path that this process may execute; undefined when there is none. */
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

/** The file's text; undefined when there is no such file. */
export async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    // Reading a file in /proc fails with ESRCH when its process ends meanwhile.
    if (hasCode(error, 'ENOENT', 'ESRCH')) return undefined
    throw error
  }
}
