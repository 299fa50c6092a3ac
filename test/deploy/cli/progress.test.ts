// What somebody who follows a job reads of an event.
import { stripVTControlCharacters } from 'node:util'
import { expect, test, vi } from 'vitest'
import { createProgress } from '../../../deploy/cli/progress.ts'
import type { StoredEvent } from '../../../eventstore/log/event.ts'
import { happened, type JobEventType } from '../../machines/job/samples.ts'

function shown(type: JobEventType, about: object): string {
  let text = ''
  const written = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += String(chunk)
    return true
  })
  const progress = createProgress()
  const { data } = happened(type)
  const event = { type, data: { ...(data as object), ...about }, at: '2026-03-01T10:00:00.000Z', state_to: 'complete' }
  try {
    progress.show(event as StoredEvent)
  } finally {
    progress.stop()
    written.mockRestore()
  }
  return stripVTControlCharacters(text)
}

test('a step that noticed something tells it, in words', () => {
  expect(shown('redfish.boot-override.succeeded', { warnings: ['the boot mode reads Legacy, not UEFI'] })).toBe(
    '✓    0.00 s  redfish.boot-override.succeeded  the boot mode reads Legacy, not UEFI\n',
  )
  expect(shown('redfish.mount.task.succeeded', { also_ejected: ['/vm/3'] })).toBe(
    '✓    0.00 s  redfish.mount.task.succeeded  http://192.0.2.1/media  /vm/3 was in use and emptied for it\n',
  )
})

test('one that noticed nothing, or of a version that did not record it, shows as it always did', () => {
  for (const warnings of [[], null, undefined])
    expect(shown('redfish.boot-override.succeeded', { warnings })).toBe(
      '✓    0.00 s  redfish.boot-override.succeeded\n',
    )
  const warnings = [{ path: '/network', code: 'unused', message: 'not used' }]
  expect(shown('job.requested', { warnings })).toBe('·    0.00 s  job.requested\n')
})
