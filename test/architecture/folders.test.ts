/** A listing of a folder says what is there: at most fifteen names, none that repeats the folder's. */
import { execFileSync } from 'node:child_process'
import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { root, sources, textOf } from './sources.ts'

/** Fixed by the owner; the top has these and the files of its tools. */
const rooms = ['machines', 'actors', 'api', 'eventstore', 'redfish', 'test', 'deploy']

const entriesMax = 15
const linesMax = 420

/** Folders that hold data of one form: one more is one more of the same, and a reader looks for one by its name. */
const dataFolders: readonly string[] = ['eventstore/migrations', 'test/golden/histories', 'test/golden/probes']

const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root })
  .toString()
  .split('\n')
  .filter((file) => rooms.some((room) => file.startsWith(`${room}/`)))

/** Each folder with what a listing of it shows. */
function listings(): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>()
  for (const file of tracked) {
    for (let path = file; path.includes('/'); path = dirname(path)) {
      const folder = dirname(path)
      found.set(folder, (found.get(folder) ?? new Set()).add(path))
    }
  }
  return found
}

test('a folder has at most fifteen entries', () => {
  const overfull = [...listings()]
    .filter(([folder, entries]) => entries.size > entriesMax && !dataFolders.includes(folder))
    .map(([folder, entries]) => `${folder} has ${entries.size}`)
  expect(overfull, 'find the folder inside the folder').toEqual([])
})

test('a name says something and does not begin with the name of its folder; there are no barrels', () => {
  const wrong = sources.filter((file) => {
    const [folder = '', name = ''] = file.replace(/\.ts$/, '').split('/').slice(-2)
    const repeats = [folder, folder.replace(/s$/, '')].some((word) => name.startsWith(`${word}-`))
    return repeats || ['index', 'utils', 'helpers', 'common', 'misc'].includes(name)
  })
  expect(wrong, 'name a file by what it is; only the main file of a folder may have its name').toEqual([])
})

test('files fit in the head', () => {
  const long = sources.filter((file) => textOf(file).split('\n').length > linesMax)
  expect(long, 'split it by ideas').toEqual([])
})
