/** How many statements the controller sends: pg_stat_statements, told apart by the role that the controller works as. */
import type postgres from 'postgres'
import { applicationRole } from '../../../eventstore/postgres/database.ts'

/** What PostgreSQL must be started with. */
export const statementSettings = { shared_preload_libraries: 'pg_stat_statements' }

/** Counts from now on. */
export async function countStatements(sql: postgres.Sql): Promise<void> {
  await sql`create extension if not exists pg_stat_statements`
  await sql`select pg_stat_statements_reset()`
}

export type StatementCount = { readonly calls: number; readonly milliseconds: number; readonly query: string }

/** Statements of the controller since then, the most frequent first. */
export async function statementsByCalls(sql: postgres.Sql): Promise<readonly StatementCount[]> {
  return sql<StatementCount[]>`
    select calls::int, total_exec_time::float8 as milliseconds, query from pg_stat_statements
    where userid = (select oid from pg_roles where rolname = ${applicationRole}) order by calls desc`
}
