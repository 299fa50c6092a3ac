import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import postgres from 'postgres'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { applicationRole, archivistRole, connect } from '../../../eventstore/postgres/database.ts'
import { migrate, migrationsAreCurrent, NewerSchemaError } from '../../../eventstore/postgres/migrate.ts'
import { getJob } from '../../../eventstore/read-models/jobs.ts'
import { events } from '../../../eventstore/schema.ts'
import { freshDatabase } from '../../rig/postgres.ts'
import { jobAfter, openWorld } from '../rig/world.ts'

const opened: string[] = []
let admin: postgres.Sql

beforeEach(() => {
  const url = new URL(inject('postgresTemplateUrl'))
  url.pathname = '/postgres'
  admin = postgres(url.href, { max: 4, onnotice: () => {} })
})
afterEach(async () => {
  for (const url of opened.splice(0)) {
    await admin.unsafe(`drop database if exists ${new URL(url).pathname.slice(1)} with (force)`)
  }
  await admin.end()
})

async function emptyDatabase({ owner }: { owner?: string } = {}): Promise<string> {
  const name = `test_${randomBytes(8).toString('hex')}`
  await admin.unsafe(`create database ${name} ${owner === undefined ? '' : `owner ${owner}`}`)
  const url = new URL(inject('postgresTemplateUrl'))
  url.pathname = `/${name}`
  opened.push(url.href)
  return url.href
}

async function withClient<T>(url: string, work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  try {
    return await work(sql)
  } finally {
    await sql.end()
  }
}

test('an empty database is brought to this version, and a second time changes nothing', async () => {
  const url = await emptyDatabase()
  expect(await withClient(url, migrationsAreCurrent)).toBe(false)
  expect(await migrate(url)).toEqual({ applicationRole: true })
  const applied = (sql: postgres.Sql) => sql`select * from drizzle.__drizzle_migrations order by id`
  const once = await withClient(url, applied)
  expect(await migrate(url)).toEqual({ applicationRole: true })
  expect(await withClient(url, applied)).toEqual(once)
  expect(await withClient(url, migrationsAreCurrent)).toBe(true)
})

test('four controllers that start at once on an empty database all come up', async () => {
  const url = await emptyDatabase()
  await expect(Promise.all([migrate(url), migrate(url), migrate(url), migrate(url)])).resolves.toHaveLength(4)
  expect(await withClient(url, migrationsAreCurrent)).toBe(true)
})

test('controllers of four databases on one server, which share the role, come up at once', async () => {
  const urls = await Promise.all(Array.from({ length: 4 }, () => emptyDatabase()))
  for (const migrated of await Promise.all(urls.map(migrate))) expect(migrated).toEqual({ applicationRole: true })
})

test('a database that a newer version has migrated is refused and left as it is', async () => {
  const { url, drop } = await freshDatabase()
  await withClient(url, async (sql) => {
    await sql`insert into drizzle.__drizzle_migrations (hash, created_at) values ('next', 32503680000000)`
    await sql`drop table deadlines`
  })
  await expect(migrate(url)).rejects.toThrow(NewerSchemaError)
  expect(await withClient(url, migrationsAreCurrent)).toBe(false)
  expect(await withClient(url, (sql) => sql`select to_regclass('deadlines') as found`)).toEqual([{ found: null }])
  await drop()
})

test('a user who may not create roles gets the tables, is told, and the log is still append-only', async () => {
  const user = `plain_${randomBytes(4).toString('hex')}`
  await admin.unsafe(`create role ${user} login password 'x'`)
  const url = new URL(await emptyDatabase({ owner: user }))
  url.username = user
  url.password = 'x'
  expect(await migrate(url.href)).toEqual({ applicationRole: false })
  const { db, raw, close } = connect({ url: url.href, asApplication: false })
  expect(await db.select().from(events)).toEqual([])
  await expect(raw`truncate events`).rejects.toMatchObject({ code: '23001' })
  await expect(removeNothing(raw)).rejects.toMatchObject({ code: '55000' })
  await close()
  await admin.unsafe(`drop database ${url.pathname.slice(1)} with (force)`)
  await admin.unsafe(`drop role ${user}`)
})

test('a user who may create roles, but is no superuser, gets them, and can remove what was archived', async () => {
  const user = `creator_${randomBytes(4).toString('hex')}`
  await admin.unsafe(`create role ${user} login createrole password 'x'`)
  // Both roles are the whole server's; another database has made them already.
  await admin.unsafe(`grant ${applicationRole}, ${archivistRole} to ${user} with admin option`)
  const url = new URL(await emptyDatabase({ owner: user }))
  url.username = user
  url.password = 'x'
  expect(await migrate(url.href)).toEqual({ applicationRole: true })
  expect(await migrate(url.href)).toEqual({ applicationRole: true })
  const owned = (sql: postgres.Sql) =>
    sql`select proowner::regrole::text as owner from pg_proc where proname = 'remove_archived_stream'`
  expect(await withClient(url.href, owned)).toEqual([{ owner: archivistRole }])
  // It gets as far as looking for the stream.
  await expect(withClient(url.href, removeNothing)).rejects.toMatchObject({ code: '55000' })
  const { raw, close } = connect({ url: url.href })
  await expect(removeNothing(raw)).rejects.toMatchObject({ code: '42501' })
  await close()
  await admin.unsafe(`drop database ${url.pathname.slice(1)} with (force)`)
  await admin.unsafe(`drop role ${user}`)
})

const removeNothing = (sql: postgres.Sql) =>
  sql`select remove_archived_stream('job-x', 1, 'h', repeat('0', 64), now(), 'x', 'x', 'x', 'x')`

test('a controller works as the application’s role', async () => {
  const { url, drop } = await freshDatabase()
  const { raw, close } = connect({ url })
  expect(await raw`select current_user as role`).toEqual([{ role: applicationRole }])
  await close()
  await drop()
})

test('a job whose row an older version wrote is shown as before', async () => {
  const world = await openWorld()
  try {
    const stream = await jobAfter(world, 9)
    const shown = await getJob(world.db, stream.slice('job-'.length))
    // The row as it was before this migration: one column with the whole view, what was asked for among it.
    await world.owner.raw.unsafe(`
      alter table jobs rename column details to view;
      update jobs set view = view || request || jsonb_build_object('jobId', id, 'serverSerial', server_serial, 'taskTarget',
        task_target, 'status', status, 'outcome', outcome, 'cleanup', cleanup, 'state', state, 'failedStep', failed_step);
      alter table jobs drop column request`)
    const migration = new URL('../../../eventstore/migrations/0002_request_of_job.sql', import.meta.url)
    await world.owner.raw.unsafe(await readFile(migration, 'utf8'))
    expect(shown?.view).toMatchObject({
      state: 'provisioning.waitingForReport',
      recipe: { task_target: expect.any(String) },
    })
    expect(await getJob(world.db, stream.slice('job-'.length))).toEqual(shown)
  } finally {
    await world.close()
  }
})
