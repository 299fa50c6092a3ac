/** `provisioner audit ...` and `provisioner db ...`: the commands that work on the database itself. */
import type { Command } from 'commander'
import { connect, type Database } from '../../eventstore/postgres/database.ts'
import { migrate } from '../../eventstore/postgres/migrate.ts'
import { rebuild } from '../../eventstore/upkeep/rebuild.ts'
import { verifyLog } from '../../eventstore/upkeep/verify.ts'
import { openDatabase } from '../settings/database-url.ts'
import { trustedKeys } from '../settings/tombstone-keys.ts'
import { bad, good, output } from './output.ts'

export function auditCommands(program: Command, isJson: () => boolean): void {
  program
    .command('audit')
    .description('check the log')
    .command('verify')
    .description(
      'recompute hashes, replay streams, compare snapshots, check tombstones; names the first bad event of each stream',
    )
    .option(
      '--public-key <file...>',
      'PEM files of public keys that tombstones may be signed with, besides the key derived from SECRETS_KEY',
    )
    .action(async ({ publicKey: files = [] }: { publicKey?: readonly string[] }) => {
      const options = { signal: new AbortController().signal, trustedKeys: await trustedKeys(process.env, files) }
      const result = await withDatabase(true, (db) => verifyLog(db, options))
      if (isJson()) output.json(result)
      else {
        for (const { stream, version, reason } of result.faults)
          output.line(bad(`${stream} event ${version}: ${reason}`))
        const verdict =
          result.faults.length === 0
            ? good('the log is intact')
            : bad(`${new Set(result.faults.map(({ stream }) => stream)).size} stream(s) are not intact`)
        output.line(
          `${result.events} events in ${result.streams} streams, ${result.snapshots} snapshots compared, ${result.tombstones} tombstones: ${verdict}`,
        )
      }
      if (result.faults.length > 0) process.exitCode = 1
    })
}

export function databaseCommands(program: Command, isJson: () => boolean): void {
  const db = program.command('db').description('migrate or rebuild the database')
  db.command('migrate')
    .description('migrate the schema to this version')
    .action(async () => {
      await withUrl(async (url) => {
        const { applicationRole } = await migrate(url)
        output.line(good('the schema is current'))
        if (!applicationRole)
          output.line('this database user may not create roles: the log is protected by its trigger alone')
      })
    })
  db.command('rebuild')
    .description('drop every derived table and rebuild it from the log; stop the controllers first')
    .action(async () => {
      const result = await withDatabase(false, rebuild)
      if (isJson()) output.json(result)
      else output.line(good(`derived tables rebuilt from ${result.events} events in ${result.streams} streams`))
    })
}

async function withUrl<Result>(work: (url: string) => Promise<Result>): Promise<Result> {
  const { url, close } = await openDatabase(process.env)
  try {
    return await work(url)
  } finally {
    await close()
  }
}

/** `asApplication` gives the work the rights of a controller; the rebuild needs those of the owner. */
export async function withDatabase<Result>(
  asApplication: boolean,
  work: (db: Database) => Promise<Result>,
): Promise<Result> {
  return withUrl(async (url) => {
    const { applicationRole } = await migrate(url)
    const connections = connect({ url, asApplication: asApplication && applicationRole, statementTimeoutMs: 0 })
    try {
      return await work(connections.db)
    } finally {
      await connections.close()
    }
  })
}
