/** Writes one read model row, in the transaction that appends or rebuilds. */
import type { Queryable } from '../postgres/database.ts'
import { jobRequests, jobs, type ReadModelRow, servers } from '../schema.ts'

export async function writeProjection(tx: Queryable, projected: ReadModelRow): Promise<void> {
  if (projected.table === 'jobs') {
    await tx.insert(jobs).values(projected.row).onConflictDoUpdate({ target: jobs.id, set: projected.row })
    await tx.insert(jobRequests).values(projected.request).onConflictDoNothing()
  } else {
    await tx.insert(servers).values(projected.row).onConflictDoUpdate({ target: servers.serial, set: projected.row })
  }
}
