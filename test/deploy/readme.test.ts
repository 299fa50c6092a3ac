// The README's commands exist and its settings are those of the program.
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { settingsMarkdown } from '../../deploy/settings/table.ts'

const root = resolve(import.meta.dirname, '../..')
const path = join(root, 'README.md')
const readme = readFileSync(path, 'utf8')
const block = /(<!-- settings:[^\n]*-->\n)([\s\S]*?)(<!-- \/settings -->)/

test('the table of settings is the one that the program reads', () => {
  const wanted = readme.replace(
    block,
    (_whole, open: string, _old: string, close: string) => `${open}${settingsMarkdown()}\n${close}`,
  )
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, wanted)
  else expect(readme, 'UPDATE_GOLDEN=1 npm run test:run writes it anew').toBe(wanted)
})

test('every npm script that it names exists', () => {
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const named = [...readme.matchAll(/npm run\s+([a-z:-]+)/g)].map((match) => match[1] ?? '')
  expect(named.length).toBeGreaterThan(0)
  expect(named.filter((name) => !(name in scripts))).toEqual([])
})

test('every command of the command line that it shows exists', async () => {
  const shown = [...readme.matchAll(/npm run provisioner -- ([a-z-]+)/g)].map((match) => match[1] ?? '')
  const cli =
    readFileSync(join(root, 'deploy/cli.ts'), 'utf8') +
    ['server', 'job', 'events', 'replay', 'what-if', 'simulate', 'database', 'archive']
      .map((name) => readFileSync(join(root, `deploy/cli/${name}.ts`), 'utf8'))
      .join('')
  expect(shown.filter((name) => !cli.includes(`.command('${name}')`))).toEqual([])
})
