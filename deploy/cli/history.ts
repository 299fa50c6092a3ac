/** Whole histories, fetched from a controller page by page. */
import type { StoredEvent } from '../../eventstore/log/event.ts'
import type { KindName } from '../../machines/kinds.ts'
import type { Client } from './client.ts'

/** A limit far above the history of any job or server: a longer one comes from a loop. */
const eventsMax = 100_000

/**
 * All events of a job or a server so far, in order.
 * @throws ClientError; Error for a history of more than 100 000 events.
 */
export async function fetchHistory(client: Client, kind: KindName, id: string): Promise<readonly StoredEvent[]> {
  const path = `/api/v1/${kind}s/${encodeURIComponent(id)}/events`
  const events: StoredEvent[] = []
  for (let after: number | null = 0; after !== null; ) {
    const page: { events: readonly StoredEvent[]; next_after_seq: number | null } = await client.request(
      `${path}?after_seq=${after}`,
    )
    events.push(...page.events)
    if (events.length > eventsMax) throw new Error(`the history of ${kind} ${id} has more than ${eventsMax} events`)
    after = page.next_after_seq
  }
  return events
}
