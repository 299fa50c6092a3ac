/**
 * Mends postgres.js 3.4.9 after an install. Without the mends a lost connection ends the process, leaves queries unanswered
 * for ever, or is reused in a broken state; a restart of PostgreSQL does that to every controller at once. Each mend says
 * which defect it removes; numbers are issues of porsager/postgres that no release has fixed yet. We found the others by
 * reading the code and by ending thousands of connections.
 *
 * Plain JavaScript, since the installing Node may be too old for types. It may be run again: it leaves a mend that is in
 * place. With another version of the package it stops with an error: then check which defects are gone.
 */
import { readFile, writeFile } from 'node:fs/promises'

const knownVersion = '3.4.9'
const mark = '/* mended by deploy/patches/postgres.mjs */'

const connection = [
  {
    // A timer throws past every handler and ends the process (1066, 1154, 1208).
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
    // The next write assumes that a write is scheduled already, and the client sends nothing from then on (1154).
    name: 'a connection that closes forgets the write that waited',
    before: '    incomings = null\n    clearImmediate(nextWriteTimer)\n',
    after: '    incomings = null\n    clearImmediate(nextWriteTimer)\n    chunk = nextWriteTimer = null\n',
  },
  {
    name: 'a connection that is lost while it asks for types is lost like any other',
    before: '        return fetchArrayTypes()\n',
    after: '        return fetchArrayTypes().catch(() => {}) // closed() has heard of it and connects again\n',
  },
  {
    // An unhandled rejection ends the process.
    name: 'a connection that is lost while it asks whether the server is writable is lost like any other',
    before: '    query.execute()\n  }\n\n  function ErrorResponse',
    after: '    query.catch(noop) // sends it, too\n  }\n\n  function ErrorResponse',
  },
  {
    // A socket emits `error` before `close`. A caller that retries right after the error gets the same socket again: the
    // write is lost, and the query never fails.
    name: 'a connection that failed and is not closed yet takes no queries',
    before: '    if (stream)\n      return queryError(q, Errors.generic(',
    after: `    if (socket === null || socket.destroyed || socket.writableEnded)
      return queryError(q, Errors.connection('CONNECTION_CLOSED', options))

    if (stream)
      return queryError(q, Errors.generic(`,
  },
  {
    // The failed query stays the current one: the next query waits behind it, and takes the first "ready" of the new session
    // for its own answer (1130).
    name: 'a connection that failed has no current query',
    before: '    errored(err)\n    while (sent.length)\n',
    after: '    errored(err)\n    query = null\n    while (sent.length)\n',
  },
  {
    // Waiting queries failed only when the socket closed without an error. A half-received answer (an error, rows) became part
    // of the first answer of the next session. A server or proxy that closes every connection at once was dialled for ever
    // without a pause, and the query never failed: with the mend the client tries each of several hosts once.
    name: 'a connection that closes fails everything it was asked and forgets what it heard',
    before: `    if (initial)
      return reconnect()

    !hadError && (query || sent.length) && error(Errors.connection('CONNECTION_CLOSED', options, socket))
`,
    after: `    const lost = Errors.connection('CONNECTION_CLOSED', options, socket)
        , elsewhere = options.host[++retries] && initial
    elsewhere && (initial = null)
    errored(lost)
    while (sent.length)
      queryError(sent.shift(), lost)
    query = results = errorResponse = null
    result = new Result()
    rows = 0
    silenceTimer.cancel()
    if (elsewhere)
      return (initial = elsewhere, reconnect())
    ended && (ended(), ending = ended = null)
`,
  },
  {
    name: 'each query that opens a connection tries each of several hosts',
    before: '      initial = query\n      reconnect()\n',
    after: '      initial = query\n      retries = 0\n      reconnect()\n',
  },
  {
    // A network path that drops packets does not end a connection, and TCP gives up after a quarter of an hour. The option
    // `silence_timeout` (seconds) limits the time that a server may stay silent after a request.
    name: 'a connection that does not answer is lost',
    before: '      , connectTimer = timer(connectTimedOut, options.connect_timeout)\n',
    after: `      , connectTimer = timer(connectTimedOut, options.connect_timeout)
      , silenceTimer = timer(silent, options.silence_timeout)
`,
  },
  {
    name: 'a connection that does not answer is destroyed, which fails its queries',
    before: '  async function secure() {\n',
    after: `  function silent() {
    socket && socket.destroy(Errors.connection('CONNECTION_SILENT', options, socket))
  }

  async function secure() {
`,
  },
  {
    name: 'the silence begins with the first query',
    before: '        : (query = q, query.active = true)\n',
    after: '        : (query = q, query.active = true, silenceTimer.start())\n',
  },
  {
    name: 'anything that is heard ends the silence',
    before: '  function data(x) {\n',
    after: '  function data(x) {\n    query && silenceTimer.start()\n',
  },
  {
    name: 'without a query there is no silence',
    before: '      remaining = 0\n      incomings = null\n    }\n  }\n',
    after: '      remaining = 0\n      incomings = null\n    }\n    query || silenceTimer.cancel()\n  }\n',
  },
  {
    // The place in the pool becomes free only when the server has closed, too, and the client may never see that.
    name: 'a connection that is ended is closed in time',
    before: "      socket.readyState === 'open' && socket.end(b().X().end())\n",
    after: "      socket.readyState === 'open' && socket.end(b().X().end())\n      silenceTimer.start()\n",
  },
  {
    // With a full socket or a full queue the client did not reserve the connection: the server executed BEGIN, the transaction
    // failed in the client, and statements of other callers ran in it and were never committed (823, 1189).
    name: 'a transaction has its connection, however much is in line on it',
    before: `      return write(toBuffer(q))
        && !q.describeFirst
        && !q.cursorFn
        && sent.length < max_pipeline
        && (!q.options.onexecute || q.options.onexecute(connection))
`,
    after: `      const roomy = write(toBuffer(q))
      if (q.options.onexecute)
        return q.options.onexecute(connection)

      return roomy
        && !q.describeFirst
        && !q.cursorFn
        && sent.length < max_pipeline
`,
  },
  {
    // Other callers got the connection in the middle of the transaction (823).
    name: 'a transaction keeps its connection when a full socket has room again',
    before: '    !query && onopen(connection)\n',
    after: '    !query && !connection.reserved && onopen(connection)\n',
  },
]

const pool = [
  {
    name: 'the option silence_timeout is known',
    before: "'max_pipeline', 'backoff', 'keep_alive']\n  const defaults = {\n",
    after:
      "'max_pipeline', 'backoff', 'keep_alive', 'silence_timeout']\n  const defaults = {\n    silence_timeout : null,\n",
  },
  {
    // Statements that wait for an earlier one never got an answer (1186).
    name: 'a transaction that lost its connection fails what is in line for it',
    before: '        new Promise((_, reject) => connection.onclose = reject)\n',
    after: `        new Promise((_, reject) => connection.onclose = e => {
          lost = e
          while (queries.length)
            queries.shift().reject(e)
          reject(e)
        })
`,
  },
  {
    name: 'a transaction knows that it lost its connection',
    before: '      , connection\n      , prepare = null\n',
    after: '      , connection\n      , lost = null\n      , prepare = null\n',
  },
  {
    // By then the connection is another session, perhaps in another caller's transaction: a statement, a commit or a rollback
    // would go into that one. And a closed connection counted as busy for ever (1133, 1216).
    name: 'a transaction that lost its connection does not go on with another session',
    before: '        q.catch(e => uncaughtError || (uncaughtError = e))\n',
    after: `        q.catch(e => uncaughtError || (uncaughtError = e))
        if (lost)
          return q.reject(lost)

`,
  },
]

const folder = new URL('../../node_modules/postgres/', import.meta.url)
const { version } = JSON.parse(await readFile(new URL('package.json', folder), 'utf8'))
if (version !== knownVersion) {
  throw new Error(`postgres is ${version}, the mend is for ${knownVersion}: see ${import.meta.filename}`)
}
await mend('src/connection.js', connection)
await mend('src/index.js', pool)

async function mend(file, mends) {
  const path = new URL(file, folder)
  const text = await readFile(path, 'utf8')
  const mended = mends.reduce((source, { name, before, after }) => {
    if (source.includes(after)) return source
    if (source.split(before).length !== 2) {
      throw new Error(
        `postgres ${version} is not as expected (${name}): remove node_modules/postgres and install again`,
      )
    }
    return source.replace(before, () => after)
  }, text)
  if (mended !== text) await writeFile(path, mended)
}
