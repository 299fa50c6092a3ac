/** A setting that nothing reads is a promise that nobody keeps. */
import { expect, test } from 'vitest'
import { table } from '../../deploy/settings/table.ts'
import { sources, textOf } from './sources.ts'

test('every setting is read outside of the table', () => {
  const program = sources
    .filter((file) => file.startsWith('deploy/') && file !== 'deploy/settings/table.ts')
    .map(textOf)
    .join('\n')
  const unread = Object.keys(table).filter((key) => !new RegExp(`\\b${key}\\b`).test(program))
  expect(unread, 'read it or remove it').toEqual([])
})
