/** Writes one read model row, in the transaction that appends or rebuilds. */
import type { Queryable } from '../postgres/database.ts'
import { jobs, servers } from '../schema.ts'
import type { ProjectedRow } from './project.ts'

export async function writeProjection(tx: Queryable, projected: ProjectedRow): Promise<void> {
  if (projected.table === 'jobs') {
    await tx.insert(jobs).values(projected.row).onConflictDoUpdate({ target: jobs.id, set: projected.row })
  } else {
    await tx.insert(servers).values(projected.row).onConflictDoUpdate({ target: servers.serial, set: projected.row })
  }
}
