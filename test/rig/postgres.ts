// Databases for tests: copies of the run's migrated template, a new one for whoever asks.
import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { inject } from 'vitest'
import { patienceMs } from './patience.ts'

/** An empty, migrated database of its own. The url's user is the cluster's superuser. */
export type FreshDatabase = {
  url: string
  /** Ends the sessions that are still open, and removes the database. */
  drop(): Promise<void>
}

/** Resolves with a new database; about 50 ms. It ends with the test run if it is not dropped before. */
export async function freshDatabase(): Promise<FreshDatabase> {
  const template = new URL(inject('postgresTemplateUrl'))
  const name = `test_${randomBytes(8).toString('hex')}`
  const url = new URL(template)
  url.pathname = `/${name}`
  const templateName = template.pathname.slice(1)
  await administer(template, (sql) => sql`create database ${sql(name)} template ${sql(templateName)}`)
  return { url: url.href, drop: () => administer(template, (sql) => sql`drop database ${sql(name)} with (force)`) }
}

async function administer(template: URL, statement: (sql: postgres.Sql) => Promise<unknown>): Promise<void> {
  // A database can only be copied while nobody is connected to it, so this goes through another one.
  const admin = new URL(template)
  admin.pathname = '/postgres'
  const sql = postgres(admin.href, { max: 1, connect_timeout: patienceMs / 1000 })
  try {
    await statement(sql)
  } finally {
    await sql.end({ timeout: 5 })
  }
}
