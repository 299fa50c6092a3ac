/** `npm run test:mutations` breaks guarantees on purpose; this keeps what it needs from being lost without notice. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { edited } from './apply.ts'
import { mutations } from './mutations.ts'

const root = resolve(import.meta.dirname, '../..')
const read = (file: string) => readFile(resolve(root, file), 'utf8')

describe.each(mutations)('$name', ({ edits, caughtBy }) => {
  test.each(edits)('finds what it changes in $file', async (edit) => {
    expect(await edited(edit, read)).not.toBe(await read(edit.file))
  })

  test.each(caughtBy)('%s is there', (file) => {
    expect(existsSync(resolve(root, file))).toBe(true)
  })
})

test('a text that is gone is no mutation that was survived', async () => {
  const edit = { file: 'eventstore/log/tail.ts', find: 'not in there', replace: '' }
  await expect(edited(edit, read)).rejects.toThrow(/no longer contains/)
})
