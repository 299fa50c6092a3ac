/** The views of actors as the read models keep them, for every reader of a row. */
import { type JobView, jobViewVersion, viewJob } from '../../machines/job/view.ts'
import type { KindName, SnapshotOf, StreamId } from '../../machines/kinds.ts'
import { type ServerView, serverViewVersion, viewServer } from '../../machines/server/view.ts'
import { stateAt } from '../log/read.ts'
import type { Queryable } from '../postgres/database.ts'

type ViewOf = { readonly job: JobView; readonly server: ServerView }

/** How the view of a kind is made, and the version of its shape. */
export const views: {
  readonly [Name in KindName]: {
    readonly version: number
    readonly of: (snapshot: SnapshotOf[Name]) => ViewOf[Name]
  }
} = {
  job: { version: jobViewVersion, of: viewJob },
  server: { version: serverViewVersion, of: viewServer },
}

type KeptView<View> = { readonly version: number; readonly view: View; readonly view_version: number }

/** The view after a row's event: the row's own, or that of a replay where another version of the view is stored. */
export async function viewOf<Name extends KindName>(
  db: Queryable,
  kind: Name,
  id: string,
  { version, view, view_version }: KeptView<ViewOf[Name]>,
): Promise<ViewOf[Name]> {
  return view_version === views[kind].version ? view : replayedView(db, kind, id, version)
}

/** The view after an event of a stream, by replay. @throws Error where the stream has no events. */
export async function replayedView<Name extends KindName>(
  db: Queryable,
  kind: Name,
  id: string,
  version: number,
): Promise<ViewOf[Name]> {
  const stream: StreamId = `${kind}-${id}`
  const snapshot = await stateAt(db, kind, stream, version)
  if (snapshot === null) throw new Error(`${stream} has a row in the read models, but no events; rebuild them`)
  return views[kind].of(snapshot)
}
