import { connect } from 'nats'
import postgres from 'postgres'
import { expect, test } from 'vitest'
import { freshNats, natsUrl } from './nats.ts'
import { freshDatabase } from './postgres.ts'

test('every test gets an empty migrated database that others do not see', async () => {
  const [first, second] = await Promise.all([freshDatabase(), freshDatabase()])
  const [a, b] = [postgres(first.url, { max: 1 }), postgres(second.url, { max: 1 })]
  try {
    await a`create table only_here ()`
    const tables = await b<{ name: string }[]>`select tablename as name from pg_tables where schemaname = 'public'`
    const names = tables.map((table) => table.name)
    expect(names).toContain('events')
    expect(names).not.toContain('only_here')
  } finally {
    await Promise.all([a.end(), b.end()])
  }
  await Promise.all([first.drop(), second.drop()])
  const gone = postgres(first.url, { max: 1 })
  await expect(gone`select 1`).rejects.toThrow('does not exist')
  await gone.end()
})

test.each([
  ['the shared NATS server', async () => ({ url: natsUrl(), stop: async () => {} })],
  ["a test's own NATS server", freshNats],
])('%s has JetStream', async (_name, start) => {
  const server = await start()
  const connection = await connect({ servers: server.url })
  const { streams } = await (await connection.jetstreamManager()).getAccountInfo()
  expect(streams).toBeGreaterThanOrEqual(0)
  await connection.close()
  await server.stop()
})
