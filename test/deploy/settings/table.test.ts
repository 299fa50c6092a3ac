/** No setting is there for nothing. */
import { globSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { table } from '../../../deploy/settings/table.ts'

const deploy = resolve(import.meta.dirname, '../../../deploy')
const sources = globSync('**/*.ts', { cwd: deploy })
  .filter((path) => path !== 'settings/table.ts')
  .map((path) => readFileSync(resolve(deploy, path), 'utf8'))

test.each(Object.keys(table))('%s is read from the configuration', (key) => {
  const access = new RegExp(`\\b(config|values)\\.${key}\\b`)
  const pattern = new RegExp(`\\{[^{}]*\\b${key}\\b[^{}]*\\}\\s*(=|:)\\s*(reading\\.)?(config|values|Pick<Config)\\b`)
  expect(sources.some((text) => access.test(text) || pattern.test(text))).toBe(true)
})
