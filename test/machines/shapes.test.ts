/** The public shapes of all events. A released shape is never edited: a change is a new version with an upcast. */
import { test } from 'vitest'
import { z } from 'zod'
import { kinds } from '../../machines/kinds.ts'
import { expectGolden } from './golden.ts'

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
