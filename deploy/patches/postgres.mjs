/**
 * Mends postgres.js 3.4.9 after an install. Left alone, a lost connection ends the process, leaves queries unanswered for
 * ever, or hands a connection on in the state that it was lost in; a restart of PostgreSQL does that to every controller at
 * once. Each mend says what goes wrong without it; numbers are issues of porsager/postgres, without a release yet. Those
 * without a number were found by reading and by ending thousands of connections.
 *
 * Plain JavaScript, since it runs before anything is known about the Node that installs. Safe to run again: a mend that is
 * in place stays. When another version of the package comes, it stops with an error: then look which defects are gone.
 */
import { readFile, writeFile } from 'node:fs/promises'

const knownVersion = '3.4.9'
const mark = '/* mended by deploy/patches/postgres.mjs */'

const connection = [
  {
    // It throws from a timer, past every handler, and ends the process (1066, 1154, 1208).
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
    // The next write believes that a write is scheduled already, and whatever is sent from then on never leaves (1154).
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
    // The rejection has no handler and ends the process.
    name: 'a connection that is lost while it asks whether the server is writable is lost like any other',
    before: '    query.execute()\n  }\n\n  function ErrorResponse',
    after: '    query.catch(noop) // sends it, too\n  }\n\n  function ErrorResponse',
  },
  {
    // A socket says first that it failed and only then that it is closed. Who asks again as soon as it failed is sent to it
    // once more: the write goes nowhere, and nobody fails the query afterwards.
    name: 'a connection that failed and is not closed yet takes no queries',
    before: '    if (stream)\n      return queryError(q, Errors.generic(',
    after: `    if (socket === null || socket.destroyed || socket.writableEnded)
      return queryError(q, Errors.connection('CONNECTION_CLOSED', options))

    if (stream)
      return queryError(q, Errors.generic(`,
  },
  {
    // The query that failed would stay the current one: the next query lines up behind it, and the first "ready" of the new
    // session is taken for its answer (1130).
    name: 'a connection that failed has no current query',
    before: '    errored(err)\n    while (sent.length)\n',
    after: '    errored(err)\n    query = null\n    while (sent.length)\n',
  },
  {
    // Queries in line were failed only when the socket closed without an error. What was half-received (an error, rows) went
    // into the first answer of the next session. A server, or a proxy without one, that closes every connection at once was
    // dialled again for ever without a pause, and the query never heard of it: now each of several hosts is tried once.
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
    // A path that swallows packets ends no connection, and TCP gives up after a quarter of an hour. The option
    // \`silence_timeout\` (seconds) says how long a server that was asked something may say nothing at all.
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
    // Its place in the pool is free only when the server has closed, too, and that may never be heard.
    name: 'a connection that is ended is closed in time',
    before: "      socket.readyState === 'open' && socket.end(b().X().end())\n",
    after: "      socket.readyState === 'open' && socket.end(b().X().end())\n      silenceTimer.start()\n",
  },
  {
    // With a full socket or a full line the connection was not reserved: its BEGIN was carried out, the transaction failed
    // here, and statements of others ran in it without ever being committed (823, 1189).
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
    // Others were given the connection in the middle of the transaction (823).
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
    // Statements that wait for the one before them were never answered (1186).
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
    // By then the connection is another session, perhaps in the middle of somebody else's transaction: a statement, a commit
    // or a rollback would go into that one. And a closed connection counted as a busy one, for ever (1133, 1216).
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
