// Every recorded error body, sent over HTTP through the client's own path: what kind of failure it becomes, whether it
// is worth another try, and what the operator is told. test/golden/redfish-errors.json is the reviewed table.
import { expect, test } from 'vitest'
import { createMemory } from '../../../../redfish/client/memory.ts'
import { DEFAULT_LIMITS, DEFAULT_RETRIES } from '../../../../redfish/client/options.ts'
import { MESSAGE_ROWS } from '../../../../redfish/client/quirks/messages.ts'
import { createService } from '../../../../redfish/client/service/service.ts'
import { createTransport } from '../../../../redfish/client/wire/transport.ts'
import { BmcError, problemOf } from '../../../../redfish/failure.ts'
import { expectGolden } from '../../../machines/golden.ts'
import { patience } from '../../../rig/patience.ts'
import { fixturesMissing, type RecordedError, recordedErrors } from '../../rig/fixtures.ts'
import { type RawAnswer, startRawServer, treeHandler } from '../../rig/raw-server.ts'

/** Where the record does not quote a status (PROVENANCE.md): these ids come with this one. */
const UNQUOTED_STATUS = 400

const ANYTHING = '/redfish/v1/Anything'

if (fixturesMissing !== null) {
  test(`not run: ${fixturesMissing}`, () => {
    expect(fixturesMissing).not.toBeNull()
  })
} else {
  test('every recorded error body is classified as in the golden table', async () => {
    const table = []
    for (const recorded of recordedErrors()) table.push(await classified(recorded))
    expect(table.length).toBeGreaterThan(60)
    expectGolden('redfish-errors.json', `${JSON.stringify(table, null, 2)}\n`)
  })

  test('no recorded refusal leaves the operator without advice', async () => {
    for (const recorded of recordedErrors()) {
      const { file, outcome, advice } = await classified(recorded)
      if (outcome !== 'success') expect(advice, file).toMatch(/\.$/)
    }
  })
}

test('a message key is in one row only, so that the order of the rows cannot hide one', () => {
  const keys = MESSAGE_ROWS.flatMap((row) => row.keys)
  expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([])
})

/** Sends the recorded answer to a write, as a BMC would, without a second try. */
async function classified(recorded: RecordedError) {
  const answer: RawAnswer = {
    status: recorded.status ?? UNQUOTED_STATUS,
    ...(recorded.bodyText == null ? { body: recorded.body } : { text: recorded.bodyText }),
  }
  const server = await startRawServer(treeHandler(({ path }) => (path === ANYTHING ? answer : undefined)))
  const transport = createTransport({ address: server.url, tls: { mode: 'system' }, limits: DEFAULT_LIMITS })
  const surroundings = { now: Date.now, sleep: () => Promise.resolve(), random: () => 0 }
  const service = createService(
    { username: 'operator', password: 'secret-of-the-test' },
    { transport, limits: DEFAULT_LIMITS, retries: DEFAULT_RETRIES, surroundings, memory: createMemory({}) },
  )
  const file = recorded.name
  const call = service.begin('any', { signal: patience() })
  try {
    await service.post(call, ANYTHING, { body: {}, repeat: 'never' })
    return {
      file,
      status: recorded.status,
      outcome: 'success',
      retry: false,
      problem: null,
      message: null,
      advice: null,
    }
  } catch (error) {
    if (!(error instanceof BmcError)) throw error
    const { failure, advice } = error
    const message = 'messageId' in failure ? (failure.messageId ?? null) : null
    const { kind: outcome, retry } = failure
    return { file, status: recorded.status, outcome, retry, problem: problemOf(failure), message, advice }
  } finally {
    await service.close(call)
    await server.close()
  }
}
