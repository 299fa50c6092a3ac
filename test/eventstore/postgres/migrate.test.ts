import { randomBytes } from 'node:crypto'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { drizzle } from 'drizzle-orm/postgres-js'
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator'
import postgres from 'postgres'
import { v7 as uuidv7 } from 'uuid'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { createRuntime } from '../../../actors/runtime.ts'
import { ValueTaken } from '../../../eventstore/log/append.ts'
import { applicationRole, archivistRole, connect, type Database } from '../../../eventstore/postgres/database.ts'
import { migrate, migrationsAreCurrent, NewerSchemaError } from '../../../eventstore/postgres/migrate.ts'
import { readLatestStates } from '../../../eventstore/publish/latest-states.ts'
import { getJob, listJobs } from '../../../eventstore/read-models/jobs.ts'
import { listServers } from '../../../eventstore/read-models/servers.ts'
import { events } from '../../../eventstore/schema.ts'
import { renewOutdatedViews } from '../../../eventstore/upkeep/outdated-views.ts'
import { jobStream, serverStream } from '../../../machines/kinds.ts'
import { freshDatabase } from '../../rig/postgres.ts'
import { commit, jobAfter, openWorld, registerServer, requestJob, sha256, successfulRun } from '../rig/world.ts'

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

test('jobs in flight of the version before go on: shown as before at once by replay, then from views made anew', async () => {
  const world = await openWorld()
  const url = await emptyDatabase()
  await applyFirstMigrations(url, 8)
  for (const steps of [0, 3, 9, successfulRun.length]) await jobAfter(world, steps)
  await requestJob(world, await registerServer(world), { idempotencyKey: sha256(9) })
  await withClient(url, (sql) => copyAsOfVersionBefore(world.owner.raw, sql))
  const expected = await shown(world.db)
  expect(expected.jobs.map(({ status }) => status)).toEqual([
    'queued',
    'complete',
    'provisioning',
    'provisioning',
    'queued',
  ])

  await migrate(url)
  const { db, raw, close } = connect({ url })
  const versions = () => raw`select view_version from jobs union all select view_version from servers`
  expect(new Set((await versions()).map((row) => row['view_version']))).toEqual(new Set([0]))
  expect(await shown(db)).toEqual(expected)

  const renew = () =>
    renewOutdatedViews(
      { db, onFailure: (stream, error) => expect.fail(`${stream} ${error}`) },
      new AbortController().signal,
    )
  const renewed = await Promise.all([renew(), renew()])
  expect(renewed[0] + renewed[1]).toBe(10)
  expect(await shown(db)).toEqual(expected)
  const rows = (sql: postgres.Sql) =>
    sql`select to_jsonb(j) as job, to_jsonb(r) as request from jobs j join job_requests r on job_id = id order by id`
  expect([...(await rows(raw))]).toEqual([...(await rows(world.raw))])

  const underWay = expected.jobs.find(({ state }) => state === 'provisioning.waitingForReport')
  const runtime = createRuntime({ db, nextId: uuidv7 })
  await commit({ runtime }, jobStream(underWay?.job_id ?? ''), successfulRun.slice(9))
  expect(await getJob(db, underWay?.job_id ?? '')).toMatchObject({ ...underWay, ...succeeded })
  const again = { idempotencyKey: sha256(9) }
  await expect(requestJob({ runtime }, await registerServer({ runtime }), again)).rejects.toThrow(ValueTaken)
  await close()
  await world.close()
})

const succeeded = {
  status: 'complete',
  state: 'complete',
  step: 'server.release',
  outcome: 'succeeded',
  cleanup: 'clean',
  last_seq: successfulRun.length + 1,
  last_update: expect.any(String),
  progress: expect.any(Object),
}

/** Every list that the API gives, filtered by all that is filtered by a column. */
async function shown(db: Database) {
  const page = { limit: 100, cursor: null }
  const { rows: jobs } = await listJobs(db, { ...page, filter: {} })
  const filters = jobs.flatMap(({ status, outcome, server_serial: server, task_target: target, created_at: since }) =>
    outcome === null ? [{ status, server, target }] : [{ status, outcome, server, target, since }],
  )
  const label = { name: 'rack', value: 'r1' }
  return {
    jobs,
    filtered: await Promise.all(filters.map((filter) => listJobs(db, { ...page, filter }))),
    servers: await listServers(db, { ...page, filter: { label, status: 'reserved' } }),
    states: await readLatestStates(
      db,
      jobs.flatMap((job) => [jobStream(job.job_id), serverStream(job.server_serial)]),
      end,
    ),
  }
}

const end = { xid: '9223372036854775807', position: '9223372036854775807' }

/** A database as the version of the first so many migrations left it. */
async function applyFirstMigrations(url: string, count: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'migrations-'))
  const own = new URL('../../../eventstore/migrations/', import.meta.url)
  await cp(own, folder, { recursive: true })
  const journal = JSON.parse(await readFile(new URL('meta/_journal.json', own), 'utf8'))
  await writeFile(
    join(folder, 'meta/_journal.json'),
    JSON.stringify({ ...journal, entries: journal.entries.slice(0, count) }),
  )
  await withClient(url, (sql) => applyMigrations(drizzle(sql), { migrationsFolder: folder }))
  await rm(folder, { recursive: true })
}

/** Copies what does not change, and the rows of the read models in the shape in which the version before wrote them. */
async function copyAsOfVersionBefore(from: postgres.Sql, to: postgres.Sql): Promise<void> {
  for (const table of ['events', 'effects', 'deadlines', 'snapshots']) {
    const [rows] = await from.unsafe(`select coalesce(jsonb_agg(t), '[]')::text as json from ${table} t`)
    const of = `jsonb_populate_recordset(null::${table}, $1::text::jsonb)`
    await to.unsafe(`insert into ${table} overriding system value select * from ${of}`, [rows?.['json']])
  }
  await to`select setval(pg_get_serial_sequence('events', 'position'), (select max(position) from events))`
  const jobs =
    await from`select to_jsonb(j) as row, view, to_jsonb(r) as request from jobs j join job_requests r on job_id = id`
  for (const { row, view, request } of jobs) {
    const details = {
      createdAt: view.created_at,
      step: view.step,
      failure: view.failure,
      cleanupFaults: view.cleanup_faults,
      resets: view.resets,
      taskIso: view.media.task_iso,
      layout: view.media.layout,
      progress: view.progress,
      mediaReads: view.media.reads,
    }
    const { recipe, warnings, ...rest } = request
    await insertRow(to, 'jobs', { ...row, ...view, ...rest, request: { recipe, warnings }, details })
  }
  for (const { row, view } of await from`select to_jsonb(s) as row, view from servers s`) {
    const old = {
      status: view.status,
      state: view.state,
      serial: view.serial,
      bmcAddress: view.bmc_address,
      vendor: view.vendor,
      tls: view.tls,
      labels: view.labels,
      jobId: view.active_job,
      lastJobId: view.last_job,
      description: view.description,
      probeFailure: view.probe_failure,
      dirtySlots: view.dirty_slots,
      powerAction: view.power_action,
      powerFailure: view.power_failure,
    }
    await insertRow(to, 'servers', { ...row, view: old })
  }
}

async function insertRow(sql: postgres.Sql, table: string, row: object): Promise<void> {
  const of = `jsonb_populate_record(null::${table}, $1::text::jsonb)`
  await sql.unsafe(`insert into ${table} select * from ${of}`, [JSON.stringify(row)])
}
