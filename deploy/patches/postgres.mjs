/**
 * Mends postgres.js 3.4.9 after an install: a connection that is lost while a small write waits for its turn throws past
 * every handler and ends the process, or is poisoned so that whatever is sent on it later never leaves (issues 1066, 1154
 * and 1208 of porsager/postgres, without a release yet). A restart of PostgreSQL does that to every controller at once.
 *
 * Plain JavaScript, since it runs before anything is known about the Node that installs. Safe to run again. When another
 * version of the package comes, it stops with an error: then look whether the defect is gone, and delete this file.
 */
import { readFile, writeFile } from 'node:fs/promises'

const knownVersion = '3.4.9'
const mark = '/* mended by deploy/patches/postgres.mjs */'

const mends = [
  {
    name: 'a write on a connection that is gone fails its queries',
    before: '  function nextWrite(fn) {\n    const x = socket.write(chunk, fn)',
    after: `  function nextWrite(fn) { ${mark}
    if (socket === null) {
      chunk = nextWriteTimer = null
      error(Errors.connection('CONNECTION_CLOSED', options))
      return false
    }
    const x = socket.write(chunk, fn)`,
  },
  {
    name: 'a connection that closes forgets the write that waited',
    before: '    incomings = null\n    clearImmediate(nextWriteTimer)\n',
    after: '    incomings = null\n    clearImmediate(nextWriteTimer)\n    chunk = nextWriteTimer = null\n',
  },
  {
    name: 'a connection that is lost while it asks for types is lost like any other',
    before: '        return fetchArrayTypes()\n',
    after: '        return fetchArrayTypes().catch(() => {}) // closed() has heard of it and connects again\n',
  },
]

const folder = new URL('../../node_modules/postgres/', import.meta.url)
const { version } = JSON.parse(await readFile(new URL('package.json', folder), 'utf8'))
if (version !== knownVersion) {
  throw new Error(`postgres is ${version}, the mend is for ${knownVersion}: see ${import.meta.filename}`)
}
const path = new URL('src/connection.js', folder)
const text = await readFile(path, 'utf8')
if (!text.includes(mark)) {
  const mended = mends.reduce((source, { name, before, after }) => {
    if (source.split(before).length !== 2) throw new Error(`postgres ${version} is not as expected: ${name}`)
    return source.replace(before, () => after)
  }, text)
  await writeFile(path, mended)
}
