// `provisioner server probe`: what people read of simulated BMCs (test/golden/preflight), and what programs go by.
import { mkdirSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { createClient } from '../../../deploy/cli/client.ts'
import { type DescriptionData, describedToday } from '../../../machines/server/description.ts'
import { description } from '../../api/site.ts'
import { type Site, startSite } from '../../e2e/rig/site.ts'
import { expectGolden, goldenFolder, recording } from '../../machines/golden.ts'
import { type RawAnswer, startRawServer } from '../../redfish/rig/raw-server.ts'
import { runHere } from './terminal.ts'

describe('the report of a simulated BMC', () => {
  const makes = ['idrac9', 'xcc', 'generic', 'ilo4', 'ami'] as const
  let site: Site
  beforeAll(async () => {
    site = await startSite({ bmcs: makes.map((profile) => ({ profile })) })
  })
  afterAll(() => site.stop())
  const probe = (make: (typeof makes)[number], ...options: readonly string[]) =>
    runHere(site.client, [...options, 'server', 'probe', `S${makes.indexOf(make) + 1}`])

  test.each(['idrac9', 'xcc', 'generic'] as const)(
    'of the kind %s is as in the golden file, and exit status 0',
    async (make) => {
      const { text, status, errors } = await probe(make)
      if (recording) mkdirSync(new URL('preflight/', goldenFolder), { recursive: true })
      expectGolden(`preflight/${make}.txt`, text)
      expect([status, errors]).toEqual([0, ''])
    },
  )

  test('names the licence, and the CD and USB slots of an iLO', async () => {
    const { text } = await probe('ilo4')
    expect(text).toContain('Licence  iLO Advanced\n')
    expect(text).toContain(
      'Media    CD + USB image: maintenance ISO in /redfish/v1/Managers/1/VirtualMedia/2/, task image in',
    )
    expect(text).toMatch(/VirtualMedia\/2\/ +cd +oem-insert-virtual-media +no\n/)
  })

  test('ends with exit status 3 where an error stands in the way, which comes first', async () => {
    const { text, status } = await probe('ami')
    expect(status).toBe(3)
    expect(text).toContain('Media    none: no slot takes a CD image\n')
    expect(text).toMatch(/\n\nerror: remote-media-disabled: .* To do: Enable remote media .*\nwarning: /)
    expect(text.endsWith('\n1 error stands in the way of a job\n')).toBe(true)
  })

  test('as JSON is what the API answers, with the same exit status', async () => {
    const { text, status } = await probe('ami', '--json')
    const answer = JSON.parse(text)
    expect(status).toBe(3)
    expect(answer).toMatchObject({ serial: 'S5', description: { layout: null, boot: { written_to: 'system' } } })
    const server = await site.client.request<{ description: object }>('/api/v1/servers/S5')
    expect(server.description).toEqual(answer.description)
  })
})

/** What a controller that answers like this makes of `server probe S1`; the last answer is given again. */
async function probeAnswered(...answers: readonly RawAnswer[]) {
  let asked = 0
  const server = await startRawServer(() => answers[Math.min(asked++, answers.length - 1)] ?? null)
  onTestFinished(() => server.close())
  const ended = await runHere(createClient({ url: server.url }), ['server', 'probe', 'S1'])
  return { ...ended, asked }
}
const answerOf = (found: DescriptionData): RawAnswer => ({ body: { description: found } })
const underWay: RawAnswer = { status: 504, body: { message: 'still under way' } }

test('a probe that takes longer than the controller waits is joined again', async () => {
  const { status, asked } = await probeAnswered(underWay, underWay, answerOf({ ...description, findings: [] }))
  expect([status, asked]).toEqual([0, 3])
  const never = await probeAnswered(underWay)
  expect([never.status, never.errors, never.asked]).toEqual([1, expect.stringContaining('still under way'), 5])
})

test('a BMC that could not be read is exit status 1, at once', async () => {
  const { status, asked } = await probeAnswered({ status: 502, body: { message: 'the BMC could not be read' } })
  expect([status, asked]).toEqual([1, 1])
})

test('what an older controller did not record is left out', async () => {
  const { licence, passed_over, reset_types_from, etags, system, manager, slots, boot, ...rest } = description
  const first = describedToday({
    ...rest,
    system: { id: system.id, name: null, bios_version: '2.1' },
    manager: { id: manager.id, model: null, firmware: '6.00' },
    slots: slots.map(({ takes: _, operation: __, ...slot }) => slot),
    boot: { targets: boot.targets, cd_target: 'Cd', modes: [] },
  })
  const { text } = await probeAnswered(answerOf(first))
  expect(text).not.toMatch(/null|undefined|chosen because|If-Match|now /)
  expect(text).toMatch(/\/vm\/1 +not recorded +not recorded +no\n/)
})

test('a BMC does not steer the terminal', async () => {
  const { text } = await probeAnswered(answerOf({ ...description, model: 'R750\u001b]0;owned\u0007\r\nfree' }))
  expect(text).toContain('dell R750\u{fffd}]0;owned\u{fffd}\u{fffd}\u{fffd}free\n')
})

test('--help tells the exit statuses', async () => {
  const { text } = await runHere(createClient({ url: 'http://127.0.0.1:1' }), ['server', 'probe', '--help'])
  expect(text).toContain('0 when nothing stands in the way of a job, 3 when an error does')
})
