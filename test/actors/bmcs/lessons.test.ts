/** What BMCs taught: into a server's history and out of it again, once, and never of a BMC that the server does not have. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { learnedData, learnedOf, recordLessons } from '../../../actors/bmcs/lessons.ts'
import { serverStream } from '../../../machines/kinds.ts'
import { learnedData as learnedSchema } from '../../../machines/server/learned.ts'
import type { Learned } from '../../../redfish/learned.ts'
import { controllerParts, databaseOfTest, requester } from '../rig/controller.ts'

const serial = 'SN-0001'
const stream = serverStream(serial)
const address = 'https://sn-0001.example'

const path = fc.string({ maxLength: 100 })
const text = fc.string({ maxLength: 100 })
const resets = fc.array(fc.constantFrom('GracefulRestart' as const, 'ForceRestart' as const, 'PowerCycle' as const), {
  maxLength: 16,
})

/** All that a client can have learned, any part of it missing. A part that is added to the type is missed by the compiler here. */
const everything: { readonly [Name in keyof Required<Learned>]: fc.Arbitrary<Required<Learned>[Name]> } = {
  insert: fc.record({
    method: fc.constantFrom('POST' as const, 'PATCH' as const),
    with: fc.dictionary(text, fc.oneof(fc.boolean(), text), { maxKeys: 4 }),
  }),
  boot: fc.record({ allInSettings: fc.boolean(), withoutMode: fc.boolean() }),
  resetsRefused: resets,
  resetsListed: resets,
  wantsPrecondition: fc.constant(true as const),
  sessions: path,
  basicRefused: fc.constant(true as const),
  places: fc.record(
    {
      system: path,
      managers: fc.array(path, { maxLength: 4 }),
      vendor: fc.constantFrom('dell' as const, 'hpe' as const),
      model: fc.option(text),
      controller: fc.option(text),
      firmware: fc.option(text),
      bios: text,
      schema: text,
    },
    { requiredKeys: ['system', 'managers', 'vendor', 'model', 'controller', 'firmware'] },
  ),
  ejects: fc.dictionary(path, path, { maxKeys: 4 }),
}
// As clients have it: objects like any others.
const learned: fc.Arbitrary<Learned> = fc.record(everything, { requiredKeys: [] }).map((one) => structuredClone(one))

test('whatever was learned comes out of the history as it went in, and is of the recorded shape', () => {
  fc.assert(
    fc.property(learned, (one) => {
      const data = learnedSchema.parse(JSON.parse(JSON.stringify(learnedData(one))))
      expect(learnedOf(data)).toEqual(one)
      expect(learnedData(learnedOf(data))).toEqual(data)
    }),
  )
})

async function setUp() {
  const parts = await controllerParts(await databaseOfTest())
  await parts.register(serial)
  const record = recordLessons({ runtime: parts.runtime, owner: 'one', log: parts.log })
  const lessons = async () => (await parts.history(stream)).filter(({ type }) => type === 'bmc.capability.learned')
  return { ...parts, record, lessons }
}

const lesson: Learned = { sessions: '/redfish/v1/Sessions', wantsPrecondition: true }

test('a lesson is recorded once, however often it is learned, and the next client is given it', async () => {
  const { record, lessons, servers } = await setUp()
  await record(serial, address, lesson)
  await record(serial, address, { ...lesson })
  expect(await lessons()).toMatchObject([
    {
      actor: 'controller:one',
      data: { learned: { sessions: lesson.sessions, wants_precondition: true }, job_id: null },
    },
  ])
  expect((await servers.access(serial)).learned).toEqual(lesson)
})

test('what is learned later replaces all that was known: a client says all that it knows', async () => {
  const { record, lessons, servers } = await setUp()
  await record(serial, address, lesson)
  await record(serial, address, { basicRefused: true })
  expect(await lessons()).toHaveLength(2)
  expect((await servers.access(serial)).learned).toEqual({ basicRefused: true })
})

test('a lesson names the job that it was learned in', async () => {
  const { record, lessons, requestJob } = await setUp()
  const jobId = await requestJob(serial)
  await record(serial, address, lesson)
  expect(await lessons()).toMatchObject([{ data: { job_id: jobId } }])
})

test('the lesson of a BMC that the server does not have any more is not recorded', async () => {
  const { record, lessons, servers } = await setUp()
  await record(serial, 'https://another.example', lesson)
  await servers.remove(serial, requester)
  await record(serial, address, lesson)
  await record('SN-0002', address, lesson)
  expect(await lessons()).toEqual([])
})

test('a lesson that cannot be recorded costs a line in the log, and no work', async () => {
  const { log, logged } = await setUp()
  const commit = async () => {
    throw new Error('the database is away')
  }
  await recordLessons({ runtime: { commit }, owner: 'one', log })(serial, address, lesson)
  expect(logged).toMatchObject([{ level: 'warn', server_serial: serial }])
})
