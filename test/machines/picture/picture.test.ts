/** The machines as pictures, so that a change of a machine can be read as a diff. */
import { test } from 'vitest'
import { jobMachine } from '../../../machines/job/machine.ts'
import { serverMachine } from '../../../machines/server/machine.ts'
import { expectGolden } from '../golden.ts'
import { pictureOf } from './picture.ts'

test('the states of a job are the recorded ones', () => {
  expectGolden('job-states.txt', pictureOf(jobMachine))
})

test('the states of a server are the recorded ones', () => {
  expectGolden('server-states.txt', pictureOf(serverMachine))
})
