/** Who may import whom. A message says what to do instead. */
import { describe, expect, test } from 'vitest'
import { importsOf, packagesOf, roomOf, sources, textOf } from './sources.ts'

/** README "Architecture"; every folder may import itself. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  machines: [],
  redfish: [],
  eventstore: ['machines'],
  actors: ['machines', 'redfish', 'eventstore'],
  api: ['machines', 'eventstore', 'actors'],
  deploy: ['machines', 'redfish', 'eventstore', 'actors', 'api'],
}

test('folders import only what the architecture allows', () => {
  const wrong = sources.flatMap((file) =>
    importsOf(file)
      .filter((target) => roomOf(target) !== roomOf(file) && !mayImport[roomOf(file)]?.includes(roomOf(target)))
      .map((target) => `${file} imports ${target}`),
  )
  expect(wrong, 'move the code, or hand it in from deploy/').toEqual([])
})

test('the simulator shares no code with the client it is to prove', () => {
  const wrong = sources
    .filter((file) => file.startsWith('redfish/simulator/'))
    .flatMap((file) => importsOf(file).map((target) => `${file} imports ${target}`))
    .filter((line) => !line.includes(' imports redfish/simulator/'))
  expect(wrong, 'a simulator that shares a mistake with the client cannot find it').toEqual([])
})

test('no module needs itself, however many steps away, types included', () => {
  const done = new Set<string>()
  const circleFrom = (file: string, path: readonly string[]): string | null => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file].join(' → ')
    if (done.has(file)) return null
    for (const next of importsOf(file)) {
      const circle = circleFrom(next, [...path, file])
      if (circle !== null) return circle
    }
    done.add(file)
    return null
  }
  const circles = new Set(sources.map((file) => circleFrom(file, [])).filter((circle) => circle !== null))
  expect([...circles], 'move what both need to a third file').toEqual([])
})

test('SQL lives in the event store', () => {
  const wrong = sources
    .filter((file) => roomOf(file) !== 'eventstore')
    .filter((file) => packagesOf(file).some((name) => name.startsWith('drizzle-orm')))
  expect(wrong, 'give eventstore/read-models a function that answers the question').toEqual([])
})

describe('machines are pure', () => {
  test.each(sources.filter((file) => roomOf(file) === 'machines'))('%s does no I/O and reads no clock', (file) => {
    const io = packagesOf(file).filter(
      (name) => name.startsWith('node:') && !['node:crypto', 'node:buffer'].includes(name),
    )
    expect(io, 'hand in what was read').toEqual([])
    expect(textOf(file), 'time comes with events').not.toMatch(
      /Date\.now|new Date\(\)|performance\.now|Math\.random|setTimeout|process\./,
    )
  })
})
