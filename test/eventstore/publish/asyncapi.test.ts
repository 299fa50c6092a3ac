import { readFile, writeFile } from 'node:fs/promises'
import { Ajv } from 'ajv'
import formats from 'ajv-formats'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { StoredEvent } from '../../../eventstore/log/event.ts'
import { beginning, readLag, readTail } from '../../../eventstore/log/tail.ts'
import { asyncApiDocument } from '../../../eventstore/publish/asyncapi.ts'
import { messageOf } from '../../../eventstore/publish/cloud-event.ts'
import { parseSubject } from '../../../eventstore/publish/subjects.ts'
import { kinds, serverStream } from '../../../machines/kinds.ts'
import { commit, jobAfter, openWorld, registerServer, successfulRun, type World } from '../rig/world.ts'

const golden = new URL('../../golden/asyncapi.json', import.meta.url)
const document = asyncApiDocument({ version: '1', streamName: 'PROVISIONER' })
const ajv = new Ajv({ strict: true, strictRequired: false })
formats.default(ajv)
ajv.addVocabulary(['asyncapi', 'info', 'defaultContentType', 'channels', 'operations', 'components'])
ajv.addSchema(document, 'asyncapi')

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

test('the document is the recorded one (UPDATE_GOLDEN=1 records it anew)', async () => {
  const text = `${JSON.stringify(document, null, 2)}\n`
  if (process.env['UPDATE_GOLDEN'] === '1') await writeFile(golden, text)
  expect(text).toBe(await readFile(golden, 'utf8'))
})

test('every event type of both kinds has a message, and every reference leads somewhere', () => {
  for (const kind of ['job', 'server'] as const) {
    for (const type of Object.keys(kinds[kind].events)) expect(at(`components/messages/${kind}.${type}`)).toBeDefined()
  }
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path]) => path ?? '')
  expect(references.length).toBeGreaterThan(100)
  for (const path of references) expect(at(path), path).toBeDefined()
})

test('what is published is what the document says, with its data and without', async () => {
  await jobAfter(world, successfulRun.length)
  await commit(world, serverStream(await registerServer(world)), [
    { type: 'server.probe.failed', data: { kind: 'unreachable', message: 'no answer' } },
    { type: 'server.power.requested', data: { action: 'off' } },
  ])
  const events = await everyEvent()
  expect(events.length).toBe(successfulRun.length + 6)
  for (const event of events) {
    const validate = ajv.compile({
      $ref: `asyncapi#/components/messages/${event.machine}.${event.type}/payload/schema`,
    })
    for (const payloadBytesMax of [1_000_000, 100]) {
      const { payload, subject } = messageOf(event, { payloadBytesMax })
      expect(validate(JSON.parse(Buffer.from(payload).toString())), JSON.stringify(validate.errors)).toBe(true)
      expect(parseSubject(subject)).toEqual({ stream: event.stream, type: event.type })
    }
    const { payload } = messageOf({ ...event, data: { unknown: true } }, { payloadBytesMax: 1_000_000 })
    expect(validate(JSON.parse(Buffer.from(payload).toString())), event.type).toBe(false)
  }
})

function at(path: string): unknown {
  return path.split('/').reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], document)
}

async function everyEvent(): Promise<StoredEvent[]> {
  for (;;) {
    const page = await readTail(world.db, beginning, 1000)
    if (page.length === (await readLag(world.db, beginning)).events) return page.map(({ event }) => event)
  }
}
