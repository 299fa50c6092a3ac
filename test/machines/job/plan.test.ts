/** The plan of a job follows the layout of the server's media. */
import { expect, test } from 'vitest'
import { planOf } from '../../../machines/job/plan.ts'
import { samples } from './samples.ts'

const mediaSteps = (kind: string, maintenance: string, task: string) =>
  planOf(samples['job.requested'], { kind, maintenance, task })
    .effects.filter(({ step }) => step.startsWith('media.') || step.startsWith('redfish.mount.'))
    .map(({ step, slot }) => [step, slot])

test.each([
  [
    'two-cds',
    [
      ['redfish.mount.maintenance', 'A'],
      ['redfish.mount.task', 'B'],
    ],
  ],
  [
    'cd-and-usb',
    [
      ['media.build', null],
      ['redfish.mount.maintenance', 'A'],
      ['redfish.mount.task', 'B'],
    ],
  ],
  [
    'single-cd',
    [
      ['media.build', null],
      ['redfish.mount.task', 'B'],
    ],
  ],
])('the media of %s', (kind, steps) => {
  expect(mediaSteps(kind, 'A', 'B')).toEqual(steps)
})

test('a server that was never probed is planned for as one with two CD slots, whose names are not known', () => {
  expect(planOf(samples['job.requested'], null)).toEqual(
    planOf(samples['job.requested'], { kind: 'two-cds', maintenance: '', task: '' }),
  )
})

test('a job waits for its admission first and has a budget for the whole and for each phase', () => {
  expect(planOf(samples['job.requested'], null).waits.map((wait) => wait.for)).toEqual([
    'job.admission',
    'job',
    'iso.build',
    'redfish',
    'redfish.poll',
    'webhook.wait',
    'cleanup',
  ])
})
