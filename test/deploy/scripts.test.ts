/** `npm run help` lists the scripts that there are. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { scripts } from '../../deploy/scripts.ts'

const root = new URL('../../', import.meta.url)

test('every script of package.json has a line, and no line lacks its script', () => {
  const file: { scripts: object } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
  expect(Object.keys(scripts).sort()).toEqual(Object.keys({ ...file.scripts, help: '' }).sort())
})

test('it prints a line for each', () => {
  const printed = execFileSync(process.execPath, ['deploy/scripts.ts'], { cwd: root, encoding: 'utf8' })
  for (const [name, line] of Object.entries(scripts)) expect(printed).toMatch(new RegExp(`^${name} +${line}$`, 'm'))
})
