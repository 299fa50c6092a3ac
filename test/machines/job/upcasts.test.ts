// A job's events as their first versions recorded them, read today.
import { expect, test } from 'vitest'
import { narrate } from '../../../machines/job/narrate.ts'
import { kinds, readRecorded } from '../../../machines/kinds.ts'
import { happened } from './samples.ts'

test.each([
  ['redfish.mount.maintenance.succeeded', 'also_ejected'],
  ['redfish.mount.task.succeeded', 'also_ejected'],
  ['redfish.boot-override.succeeded', 'warnings'],
  ['cleanup.boot-override.succeeded', 'warnings'],
] as const)('%s of version 1 does not tell %s, and is told as it was then', (type, missing) => {
  const { [missing]: _unrecorded, ...data } = happened(type).data as Record<string, unknown>
  const event = readRecorded(kinds.job, { type, schema_version: 1, data })
  expect(event).toEqual({ type, schema_version: 2, data: { ...data, [missing]: null } })
  expect(narrate(event)).toEqual(narrate(happened(type)))
  expect(() => readRecorded(kinds.job, { type, schema_version: 2, data })).toThrow('another shape')
})
