/** Brings a database to the schema of this version: forward only, safe to run from several controllers at once. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { drizzle } from 'drizzle-orm/postgres-js'
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator'
import postgres from 'postgres'
import { applicationRole, archivistRole } from './database.ts'
import { sqlState } from './sql-error.ts'

const migrationsFolder = fileURLToPath(new URL('../migrations', import.meta.url))

/** Any number that no other program uses for its advisory lock on the same database. */
const migrationLock = 7_306_224_511n

export class NewerSchemaError extends Error {
  override readonly name = 'NewerSchemaError'
}

export type Migrated = {
  /** True when the restricted role is set up; false when the database's user may not create roles. */
  readonly applicationRole: boolean
}

/**
 * Applies the missing ones of `migrations/` and sets up the roles of the application and of the archivist.
 * @throws NewerSchemaError when a newer version has migrated this database already; nothing is changed then.
 */
export async function migrate(databaseUrl: string): Promise<Migrated> {
  const client = postgres(databaseUrl, { max: 1, onnotice: () => {} })
  try {
    await client`select pg_advisory_lock(${migrationLock.toString()}::bigint)`
    await refuseNewerSchema(client)
    await applyMigrations(drizzle(client), { migrationsFolder })
    await setUpArchivistRole(client)
    return { applicationRole: await setUpApplicationRole(client) }
  } finally {
    await client.end()
  }
}

/** True when every migration of this version is applied and none of a newer one. */
export async function migrationsAreCurrent(client: postgres.Sql): Promise<boolean> {
  return (await appliedMigrations(client)) === (await knownMigrations())
}

async function refuseNewerSchema(client: postgres.Sql): Promise<void> {
  const [applied, known] = [await appliedMigrations(client), await knownMigrations()]
  if (applied > known) {
    throw new NewerSchemaError(
      `the database has ${applied} migrations, this version knows ${known}: a newer version has used it, start that one instead`,
    )
  }
}

async function appliedMigrations(client: postgres.Sql): Promise<number> {
  const [table] = await client<
    { found: boolean }[]
  >`select to_regclass('drizzle.__drizzle_migrations') is not null as found`
  if (!table?.found) return 0
  const [row] = await client<{ applied: number }[]>`select count(*)::int as applied from drizzle.__drizzle_migrations`
  return row?.applied ?? 0
}

async function knownMigrations(): Promise<number> {
  const journal: { entries: unknown[] } = JSON.parse(await readFile(`${migrationsFolder}/meta/_journal.json`, 'utf8'))
  return journal.entries.length
}

/** Returns false when the database's user may not create the role. */
function setUpApplicationRole(client: postgres.Sql): Promise<boolean> {
  return setUpRole(
    client,
    applicationRole,
    `
      grant usage on schema public, drizzle to ${applicationRole};
      grant select on all tables in schema public, drizzle to ${applicationRole};
      grant insert on events, sealed, job_requests to ${applicationRole};
      grant delete on sealed to ${applicationRole};
      grant insert, update, delete on effects, deadlines, snapshots, jobs, servers, checkpoints, bmc_writers, bmc_sessions, bmc_refusals, bmc_recordings, bmc_exchanges to ${applicationRole};
    `,
  )
}

/** Gives the function that removes archived histories to its role; without the role it stays with the database's user. */
function setUpArchivistRole(client: postgres.Sql): Promise<boolean> {
  return setUpRole(
    client,
    archivistRole,
    `
      grant usage, create on schema public to ${archivistRole};
      grant select, delete on events, snapshots, jobs to ${archivistRole};
      grant select on effects, deadlines, servers, checkpoints to ${archivistRole};
      grant select, insert on tombstones to ${archivistRole};
      grant select (ref), delete on sealed to ${archivistRole};
      alter function remove_archived_stream owner to ${archivistRole};
      grant execute on function remove_archived_stream to current_user;
      revoke create on schema public from ${archivistRole};
    `,
  )
}

/** Creates the role with all of its rights in one transaction. Returns false when this user may not. */
async function setUpRole(client: postgres.Sql, role: string, rights: string): Promise<boolean> {
  try {
    await client.unsafe(`
      do $$ begin
        if not exists (select from pg_roles where rolname = '${role}') then create role ${role} nologin; end if;
      exception when duplicate_object or unique_violation then null;
      end $$;
      grant ${role} to current_user;
      ${rights}
    `)
    return true
  } catch (error) {
    if (sqlState(error) === '42501') return false
    throw error
  }
}
