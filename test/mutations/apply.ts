/** Applies the edits of a mutation to a tree of sources. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Edit } from './mutations.ts'

/** What `read` gives for a file, changed. @throws when the text to change is not there any more. */
export async function edited({ file, find, replace }: Edit, read: (file: string) => Promise<string>): Promise<string> {
  const text = await read(file)
  if (!text.includes(find))
    throw new Error(
      `${file} no longer contains what a mutation changes; say in test/mutations/mutations.ts how:\n${find}`,
    )
  return text.replaceAll(find, () => replace)
}

/** Changes the files below `root`, which must be a copy. @throws as `edited` does. */
export async function applyTo(root: string, edits: readonly Edit[]): Promise<void> {
  for (const edit of edits) {
    const text = await edited(edit, (file) => readFile(join(root, file), 'utf8'))
    await writeFile(join(root, edit.file), text)
  }
}
