/** The recorded histories of jobs, test/golden/histories. */
import { readdirSync, readFileSync } from 'node:fs'
import type { RecordedEvent } from '../../machines/history/what-if.ts'
import { goldenFolder } from './golden.ts'

const folder = new URL('histories/', goldenFolder)

export const recordedHistories: readonly { readonly name: string; readonly events: readonly RecordedEvent[] }[] =
  readdirSync(folder)
    .sort()
    .map((file) => ({
      name: file.replace('.json', ''),
      events: JSON.parse(readFileSync(new URL(file, folder), 'utf8')).events,
    }))

/** @throws Error where there is no history of that name. */
export function recordedHistory(name: string): readonly RecordedEvent[] {
  const found = recordedHistories.find((history) => history.name === name)
  if (found === undefined) throw new Error(`there is no history ${name}`)
  return found.events
}
