import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseSubject, subjectOf } from '../../../eventstore/publish/subjects.ts'
import { jobStream, serverStream } from '../../../machines/kinds.ts'
import { anyText } from '../../rig/texts.ts'

const type = 'redfish.mount.task.succeeded'

test('a job’s event goes to the job’s subject, with its type as further tokens', () => {
  expect(subjectOf({ stream: jobStream('0190'), type })).toBe(`provisioner.v1.jobs.0190.${type}`)
})

test.each([
  ['CZ1234-AB_7', 'CZ1234-AB_7'],
  ['rack 1.a', 'rack%201%2Ea'],
  ['*', '%2A'],
  ['>', '%3E'],
  ['50%', '50%25'],
  ['tab\tand\u0000', 'tab%09and%00'],
  ['Größe', 'Gr%C3%B6%C3%9Fe'],
])('the serial %j is the token %s', (serial, token) => {
  expect(subjectOf({ stream: serverStream(serial), type })).toBe(`provisioner.v1.servers.${token}.${type}`)
})

test('a serial is one visible token, and comes back from the subject', () => {
  fc.assert(
    fc.property(anyText({ minLength: 1 }), (text) => {
      const serial = text.toWellFormed()
      const subject = subjectOf({ stream: serverStream(serial), type })
      expect(subject).toMatch(/^provisioner\.v1\.servers\.[!-~]+\.redfish\.mount\.task\.succeeded$/)
      expect(subject).not.toMatch(/[*>]/)
      expect(subject.split('.')).toHaveLength(8)
      expect(parseSubject(subject)).toEqual({ stream: serverStream(serial), type })
    }),
  )
})

test('different serials have different subjects', () => {
  const serial = fc.string({ unit: fc.constantFrom('.', '%', ' ', '2', 'E', 'a', '*'), minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(serial, serial, (one, other) => {
      const subjects = [one, other].map((id) => subjectOf({ stream: serverStream(id), type }))
      expect(subjects[0] === subjects[1]).toBe(one === other)
    }),
  )
})

test.each([
  'provisioner.v1.jobs.x',
  'provisioner.v1.disks.x.y',
  'provisioner.v1.servers.%zz.y',
  'provisioner.v1.servers.%41.y',
  'other.v1.jobs.x.y',
])('%s is no subject of ours', (subject) => {
  expect(parseSubject(subject)).toBeNull()
})
