/** The house's rules as tests: a message says what to do instead. */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '..')
const sources = globSync('{machines,redfish,eventstore,actors,api,deploy}/**/*.ts', { cwd: root }).toSorted()

/** Who may import whom (README "Architecture"); every folder may import itself. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  machines: [],
  redfish: [],
  eventstore: ['machines'],
  actors: ['machines', 'redfish', 'eventstore'],
  api: ['machines', 'eventstore', 'actors'],
  deploy: ['machines', 'redfish', 'eventstore', 'actors', 'api'],
}

const importsOf = (file: string): { readonly target: string; readonly typeOnly: boolean }[] => {
  const text = readFileSync(join(root, file), 'utf8')
  return [...text.matchAll(/^(?:import|export)\s+(type\s)?[^'"]*?from '(\.[^']+)'/gm)].map((match) => ({
    target: relative(root, resolve(root, dirname(file), match[2] ?? '')),
    typeOnly: match[1] !== undefined,
  }))
}
const folderOf = (file: string) => file.split('/')[0] ?? ''

test('folders import only what the architecture allows', () => {
  const wrong = sources.flatMap((file) =>
    importsOf(file)
      .map(({ target }) => target)
      .filter((target) => folderOf(target) !== folderOf(file) && !mayImport[folderOf(file)]?.includes(folderOf(target)))
      .map((target) => `${file} imports ${target}`),
  )
  expect(wrong, 'move the code, or hand it in from deploy/').toEqual([])
})

test('the simulator shares no code with the client it is to prove', () => {
  const wrong = sources
    .filter((file) => file.startsWith('redfish/simulator/'))
    .flatMap((file) => importsOf(file).map(({ target }) => `${file} imports ${target}`))
    .filter((line) => !line.includes(' imports redfish/simulator/'))
  expect(wrong, 'a simulator that shares a mistake with the client cannot find it').toEqual([])
})

test('no module needs itself, however many steps away', () => {
  const graph = new Map(
    sources.map((file) => [
      file,
      importsOf(file)
        .filter(({ typeOnly }) => !typeOnly)
        .map(({ target }) => target),
    ]),
  )
  const done = new Set<string>()
  const cycleFrom = (file: string, path: readonly string[]): string | null => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file].join(' → ')
    if (done.has(file)) return null
    for (const next of graph.get(file) ?? []) {
      const cycle = cycleFrom(next, [...path, file])
      if (cycle !== null) return cycle
    }
    done.add(file)
    return null
  }
  expect(
    sources.map((file) => cycleFrom(file, [])).filter((cycle) => cycle !== null),
    'move what both need to a third file',
  ).toEqual([])
})

describe('machines are pure', () => {
  test.each(sources.filter((file) => file.startsWith('machines/')))('%s does no I/O and reads no clock', (file) => {
    const text = readFileSync(join(root, file), 'utf8')
    const io = [...text.matchAll(/from '(node:[^']+)'/g)]
      .map((match) => match[1])
      .filter((name) => !['node:crypto', 'node:buffer'].includes(name ?? ''))
    expect(io, 'hand in what was read').toEqual([])
    expect(text, 'time comes with events').not.toMatch(
      /Date\.now|new Date\(\)|performance\.now|Math\.random|setTimeout|process\./,
    )
  })
})

test('files have names of their own and no barrels', () => {
  const wrong = sources.filter((file) => {
    const parts = file.replace(/\.ts$/, '').split('/')
    const name = parts.at(-1) ?? ''
    const folder = parts.at(-2) ?? ''
    return ['index', 'utils', 'helpers', 'common', 'misc'].includes(name) || name.startsWith(`${folder}-`)
  })
  expect(wrong, 'name a file by what it is; a name never repeats its folder').toEqual([])
})

test('files fit in the head', () => {
  const long = sources
    .map((file) => ({ file, lines: readFileSync(join(root, file), 'utf8').split('\n').length }))
    .filter(({ lines }) => lines > 420)
  expect(long, 'split it by ideas').toEqual([])
})
