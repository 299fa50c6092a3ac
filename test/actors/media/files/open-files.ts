// Which files this process holds open below a directory: how tests see that a handle was left behind.
import { readdir, readlink } from 'node:fs/promises'

const descriptors = '/proc/self/fd'

export async function openFilesBelow(directory: string): Promise<readonly string[]> {
  const paths = await Promise.all(
    (await readdir(descriptors)).map((fd) => readlink(`${descriptors}/${fd}`).catch(gone)),
  )
  return paths.filter((path) => path.startsWith(`${directory}/`))
}

/** A descriptor that was closed since the directory was read. */
function gone(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return ''
  throw error
}
