import { describe, expect, test } from 'vitest'
import { hashEvent, type StoredEvent } from '../../../eventstore/log/event.ts'
import { type CloudEvent, cloudEventAttributes, messageOf } from '../../../eventstore/publish/cloud-event.ts'

const first: StoredEvent = {
  position: '9007199254740993',
  id: '01a20380-b9f4-71b2-a148-d9a38c81baf2',
  stream: 'server-rack 1/a',
  version: 1,
  type: 'server.reserved',
  schema_version: 1,
  data: { job_id: '01a20380-ba1c-72f9-b796-030e8510eb2b', text: 'ü\u2028' },
  state_from: null,
  state_to: 'active',
  machine: 'server',
  machine_version: '3',
  at: '2026-01-02T03:04:05.006Z',
  actor: 'principal:alice',
  causation_id: null,
  correlation_id: null,
  trace: null,
  prev_hash: null,
  hash: 'f'.repeat(64),
}
const later: StoredEvent = {
  ...first,
  version: 12,
  state_from: 'queued',
  causation_id: 'request-1',
  correlation_id: '01a20380-ba1c-72f9-b796-030e8510eb2b',
  trace: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  prev_hash: 'e'.repeat(64),
}

const payloadBytesMax = 1_000_000

function cloudEvent(event: StoredEvent, limit = payloadBytesMax): CloudEvent {
  return JSON.parse(Buffer.from(messageOf(event, { payloadBytesMax: limit }).payload).toString())
}

describe('a message', () => {
  test('of a first event says what CloudEvents 1.0 wants, and leaves out what has no value', () => {
    expect(cloudEvent(first)).toEqual({
      specversion: '1.0',
      id: first.id,
      source: '/api/v1/servers/rack%201%2Fa',
      subject: 'rack 1/a',
      type: 'server.reserved',
      time: first.at,
      datacontenttype: 'application/json',
      dataschema: 'urn:provisioner:server:server.reserved:1',
      sequence: '0000000001',
      stream: first.stream,
      streamversion: 1,
      position: '9007199254740993',
      schemaversion: 1,
      stateto: 'active',
      machine: 'server',
      machineversion: '3',
      actor: 'principal:alice',
      hash: first.hash,
      data: first.data,
    })
  })

  test('of a later event has all attributes, each with a name that CloudEvents allows', () => {
    const { data: _data, dataref: _dataref, ...attributes } = cloudEvent(later)
    const { dataref: _none, ...named } = cloudEventAttributes.shape
    expect(Object.keys(attributes).toSorted()).toEqual(Object.keys(named).toSorted())
    for (const name of Object.keys(cloudEventAttributes.shape)) expect(name).toMatch(/^[a-z0-9]{1,20}$/)
    expect(cloudEventAttributes.safeParse(attributes).success).toBe(true)
  })

  test('has what a subscriber needs to compute the event’s hash', () => {
    const { position: _position, hash: _hash, ...hashed } = later
    const stored = { ...later, hash: hashEvent(hashed) }
    const received = cloudEvent(stored)
    const rebuilt = hashEvent({
      id: received.id,
      stream: received.stream as StoredEvent['stream'],
      version: received.streamversion,
      type: received.type,
      schema_version: received.schemaversion,
      data: received.data,
      state_from: received.statefrom ?? null,
      state_to: received.stateto,
      machine: received.machine as StoredEvent['machine'],
      machine_version: received.machineversion,
      at: received.time,
      actor: received.actor,
      causation_id: received.causationid ?? null,
      correlation_id: received.correlationid ?? null,
      trace: received.traceparent ?? null,
      prev_hash: received.prevhash ?? null,
    })
    expect(rebuilt).toBe(received.hash)
  })

  test('is the same, byte for byte, when the event is published again', () => {
    expect(messageOf(later, { payloadBytesMax })).toEqual(messageOf(later, { payloadBytesMax }))
    expect(messageOf(later, { payloadBytesMax })).toMatchObject({
      id: later.id,
      subject: 'provisioner.v1.servers.rack%201%2Fa.server.reserved',
      headers: { 'content-type': 'application/cloudevents+json' },
    })
  })

  test('keeps its data up to the very limit, in bytes, and refers to the API beyond it', () => {
    const { byteLength } = messageOf(later, { payloadBytesMax }).payload
    expect(cloudEvent(later, byteLength)).toHaveProperty('data')
    const reduced = cloudEvent(later, byteLength - 1)
    expect(reduced).not.toHaveProperty('data')
    expect(reduced.dataref).toBe('/api/v1/servers/rack%201%2Fa/events?after_seq=11')
    const { data: _data, ...attributes } = cloudEvent(later)
    expect(reduced).toMatchObject(attributes)
  })
})
