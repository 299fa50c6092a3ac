/** The public shapes of events and views. A released event's is never edited: a change is a new version with an upcast. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { jobView, jobViewVersion } from '../../machines/job/view.ts'
import { kinds } from '../../machines/kinds.ts'
import { serverView, serverViewVersion } from '../../machines/server/view.ts'
import { expectGolden, goldenFolder } from './golden.ts'

test('the shapes of the events are the recorded ones', () => {
  const shapes = Object.fromEntries(
    Object.values(kinds).map(({ name, events }) => [
      name,
      Object.fromEntries(
        Object.entries(events).map(([type, { version, data }]) => [type, { version, data: z.toJSONSchema(data) }]),
      ),
    ]),
  )
  expectGolden('event-shapes.json', `${JSON.stringify(shapes, null, 2)}\n`)
})

test('a view has another version than the recorded one if it has another shape, so that stored rows are made anew', () => {
  const views = {
    job: { version: jobViewVersion, shape: z.toJSONSchema(jobView) },
    server: { version: serverViewVersion, shape: z.toJSONSchema(serverView) },
  }
  const recorded: typeof views = JSON.parse(readFileSync(new URL('view-shapes.json', goldenFolder), 'utf8'))
  for (const kind of ['job', 'server'] as const)
    if (views[kind].version === recorded[kind].version) expect(views[kind].shape).toEqual(recorded[kind].shape)
  expectGolden('view-shapes.json', `${JSON.stringify(views, null, 2)}\n`)
})
