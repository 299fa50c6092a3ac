import { readFile, writeFile } from 'node:fs/promises'
import { is } from 'drizzle-orm'
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { applicationRole } from '../../eventstore/postgres/database.ts'
import * as schema from '../../eventstore/schema.ts'
import { openWorld, type World } from './rig/world.ts'

const golden = new URL('../golden/schema.sql', import.meta.url)
const tables = Object.values(schema).filter((table) => is(table, PgTable))

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

test('the migrated database is the recorded one (UPDATE_GOLDEN=1 records it anew)', async () => {
  const dump = await dumpSchema()
  if (process.env['UPDATE_GOLDEN'] === '1') await writeFile(golden, dump)
  expect(dump).toBe(await readFile(golden, 'utf8'))
})

describe('schema.ts says what the migrated database is', () => {
  test('about which tables there are', async () => {
    const rows = await world.owner
      .raw`select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'`
    expect(rows.map(({ relname }) => relname).toSorted()).toEqual(
      tables.map((table) => getTableConfig(table).name).toSorted(),
    )
  })

  test.each(tables.map((table) => [getTableConfig(table).name, table] as const))('about %s', async (name, table) => {
    const config = getTableConfig(table)
    const columns = await world.owner.raw`
      select attname as name, format_type(atttypid, atttypmod) as type, attnotnull as not_null, attidentity <> '' as identity,
        pg_get_expr(adbin, adrelid) is not null as has_default
      from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
      where attrelid = ${name}::regclass and attnum > 0 and not attisdropped order by attnum`
    expect([...columns]).toEqual(
      config.columns.map((column) => ({
        name: column.name,
        type: column.getSQLType(),
        not_null: column.notNull,
        identity: column.generatedIdentity !== undefined,
        has_default: column.default !== undefined || column.generated !== undefined,
      })),
    )
    const indexes = await world.owner.raw`
      select i.relname as name, indisunique as unique from pg_index join pg_class i on i.oid = indexrelid
      where indrelid = ${name}::regclass
        and not exists (select from pg_constraint where conindid = indexrelid)
      order by i.relname`
    expect([...indexes]).toEqual(
      config.indexes
        .map(({ config: index }) => ({ name: index.name, unique: index.unique }))
        .toSorted((one, other) => ((one.name ?? '') < (other.name ?? '') ? -1 : 1)),
    )
    const keys = await world.owner.raw`
      select array_agg(attname::text order by ordinality) as columns
      from pg_constraint, unnest(conkey) with ordinality join pg_attribute on attnum = unnest
      where attrelid = conrelid and conrelid = ${name}::regclass and contype in ('p', 'u') group by conname order by 1`
    const declared = [
      ...config.columns.filter(({ primary, isUnique }) => primary || isUnique).map((column) => [column.name]),
      ...config.primaryKeys.map((key) => key.columns.map((column) => column.name)),
    ]
    expect(keys.map((key) => key['columns'])).toEqual(declared.toSorted())
  })
})

/** The schema as the catalog has it, independent of how the migrations are written: a migration's result is its diff. */
async function dumpSchema(): Promise<string> {
  const lines = async (rows: Promise<readonly { line?: string }[]>) => (await rows).map(({ line }) => line).join('\n')
  const sql = world.owner.raw
  const sections = [
    lines(sql`
      select format(E'create table %s (\\n%s\\n);', relname, string_agg(format('  %s %s%s%s%s', attname,
        format_type(atttypid, atttypmod),
        case when attnotnull then ' not null' end,
        case attgenerated when 's' then format(' generated always as %s stored', pg_get_expr(adbin, adrelid))
          else ' default ' || pg_get_expr(adbin, adrelid) end,
        case attidentity when 'a' then ' generated always as identity' end), E',\\n' order by attnum)) as line
      from pg_class join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
      left join pg_attrdef on adrelid = attrelid and adnum = attnum
      where relnamespace = 'public'::regnamespace and relkind = 'r' group by relname order by relname`),
    lines(sql`
      select format('alter table %s add constraint %s %s;', conrelid::regclass, conname, pg_get_constraintdef(oid)) as line
      from pg_constraint where connamespace = 'public'::regnamespace and contype <> 'n' order by conrelid::regclass::text, conname`),
    lines(sql`
      select pg_get_indexdef(indexrelid) || ';' as line from pg_index join pg_class on pg_class.oid = indexrelid
      where relnamespace = 'public'::regnamespace and not exists (select from pg_constraint where conindid = indexrelid)
      order by relname`),
    lines(sql`
      select pg_get_functiondef(oid) || ';' as line from pg_proc where pronamespace = 'public'::regnamespace order by proname`),
    lines(sql`
      select pg_get_triggerdef(oid) || ';' as line from pg_trigger where not tgisinternal order by tgname`),
    lines(sql`
      select format('grant %s on %s.%s to %s;', string_agg(lower(privilege_type), ', ' order by privilege_type),
        table_schema, table_name, grantee) as line
      from information_schema.table_privileges where grantee in (${applicationRole}, 'PUBLIC')
        and table_schema in ('public', 'drizzle')
      group by table_schema, table_name, grantee order by table_schema, table_name, grantee`),
  ]
  return `-- Generated by test/eventstore/schema.test.ts.\n\n${(await Promise.all(sections)).join('\n\n')}\n`
}
