/** Makes races repeatable: nothing is appended until the wanted number of appends have made up their minds. */
import postgres from 'postgres'

/**
 * Lets `start` begin appends on the database, waits until that many of them stand in line for the log, and lets them
 * go. Reads go on meanwhile, so all of them have decided on the same state. Appends of one controller may go in one
 * statement, which then stands there once: racers that are counted belong to a controller each.
 */
export async function appendAtOnce<Result>(
  url: string,
  { waiting, start }: { readonly waiting: number; readonly start: () => Promise<Result> },
): Promise<Result> {
  const sql = postgres(url, { max: 2 })
  try {
    let racing: Promise<Result> | undefined
    await sql.begin(async (holder) => {
      await holder`lock table events in share row exclusive mode`
      racing = start()
      racing.catch(() => {})
      for (;;) {
        const [row] = await sql<{ waiting: number }[]>`
          select count(*)::int as waiting from pg_locks
          where relation = 'events'::regclass and not granted
            and database = (select oid from pg_database where datname = current_database())`
        if ((row?.waiting ?? 0) >= waiting) return
      }
    })
    if (racing === undefined) throw new Error('nothing was started')
    return await racing
  } finally {
    await sql.end({ timeout: 5 })
  }
}
