/** Follows one stream live: the stored events, then new ones, in order and without gaps. */
import type { StreamId } from '../../machines/kinds.ts'
import type { Database } from '../postgres/database.ts'
import type { Notifications } from '../postgres/notifications.ts'
import type { StoredEvent } from './event.ts'
import { readStream } from './read.ts'

/** Poll interval without a notification, in case one of another controller was lost. */
const lookEveryMs = 1000
const pageSize = 500

/** Yields a stream's events after a version until the signal aborts; then it ends without an error. */
export async function* followStream(
  { db, notifications }: { readonly db: Database; readonly notifications: Notifications },
  stream: StreamId,
  { afterVersion, signal }: { readonly afterVersion: number; readonly signal: AbortSignal },
): AsyncGenerator<StoredEvent, void, undefined> {
  const waiter = notifications.waiter()
  try {
    let version = afterVersion
    while (!signal.aborted) {
      const page = await readStream(db, stream, { afterVersion: version, limit: pageSize })
      for (const event of page) {
        if (signal.aborted) return
        yield event
        version = event.version
      }
      if (page.length < pageSize) await waiter.wait({ timeoutMs: lookEveryMs, signal })
    }
  } finally {
    waiter.close()
  }
}
