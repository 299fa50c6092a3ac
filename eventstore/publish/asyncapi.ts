/**
 * The AsyncAPI 3.0 document, made from the event catalogues, so that it always describes the messages that are sent.
 * `test/golden/asyncapi.json` shows a change as a diff.
 */
import { z } from 'zod'
import { failureData, noData } from '../../machines/event.ts'
import { type KindName, kinds } from '../../machines/kinds.ts'
import { cloudEventAttributes, dataSchemaOf } from './cloud-event.ts'
import { latestStates, statesBucketName } from './latest-states.ts'
import { subjectOf } from './subjects.ts'

const schemaFormat = 'application/schema+json;version=draft-07'

/** Schemas that messages refer to. */
const shared: readonly { readonly name: string; readonly schema: z.ZodType }[] = [
  { name: 'CloudEventAttributes', schema: cloudEventAttributes },
  { name: 'Failure', schema: failureData },
  { name: 'NoData', schema: noData },
]

type Json = Readonly<Record<string, unknown>>

const channels = {
  job: { name: 'jobs', parameter: 'job_id', description: 'The job’s id.' },
  server: {
    name: 'servers',
    parameter: 'serial',
    description: "The serial; every byte but letters, digits and -_!~'() is written %XX, and in a key =XX, !~'() too.",
  },
} as const satisfies Record<KindName, { name: string; parameter: string; description: string }>

/** Builds the document. @param version of this program. */
export function asyncApiDocument({
  version,
  streamName,
}: {
  readonly version: string
  readonly streamName: string
}): Json {
  const kindNames = Object.keys(channels) as KindName[]
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Bare-metal provisioning events',
      version,
      license: { name: 'Apache-2.0' },
      description: [
        `Every event of every job and server, in the JetStream stream \`${streamName}\`: each once, and those of one job or`,
        'server in the order of `streamversion`. Messages are CloudEvents 1.0 in structured JSON; `Nats-Msg-Id` is the',
        'event’s id. A durable consumer goes on where it was. Data that does not fit into a message is replaced by',
        '`dataref`, a path of the HTTP API whose first event is the one meant.',
        'Shapes of data are those of the newest versions; an event keeps the one that it was recorded in, which its',
        '`schemaversion` tells.',
        `The key-value bucket \`${statesBucketName}\` has the latest state of each under \`jobs.<job_id>\` and`,
        '`servers.<serial>`, written after the event that made it so; a removed server has none.',
      ].join('\n'),
    },
    defaultContentType: 'application/cloudevents+json',
    channels: Object.fromEntries(
      kindNames.flatMap((kind) => [
        [channels[kind].name, channelOf(kind)],
        [`${kind}-states`, stateChannelOf(kind)],
      ]),
    ),
    operations: Object.fromEntries(
      kindNames
        .flatMap((kind) => [channels[kind].name, `${kind}-states`])
        .map((name) => [`publish-${name}`, { action: 'send', channel: { $ref: `#/channels/${name}` } }]),
    ),
    components: {
      messages: Object.assign({}, ...kindNames.map(messagesOf), ...kindNames.map(stateMessageOf)),
      schemas: Object.fromEntries(
        shared.map(({ name, schema }) => [name, { schemaFormat, schema: jsonSchema(schema) }]),
      ),
    },
  }
}

function channelOf(kind: KindName): Json {
  const { parameter, description } = channels[kind]
  const types = Object.keys(kinds[kind].events)
  return {
    // The braces are put in afterwards: a subject would escape them.
    address: subjectOf({ stream: `${kind}-ID`, type: '{type}' }).replace('ID', `{${parameter}}`),
    title: `Events of a ${kind}`,
    parameters: {
      [parameter]: { description },
      type: { description: 'The event’s type; its dots separate tokens.', enum: types },
    },
    messages: Object.fromEntries(types.map((type) => [type, { $ref: `#/components/messages/${kind}.${type}` }])),
  }
}

/** The bucket as subjects of a stream, which it is underneath (NATS ADR-8). */
function stateChannelOf(kind: KindName): Json {
  const { name, parameter, description } = channels[kind]
  return {
    address: `$KV.${statesBucketName}.${name}.{${parameter}}`,
    title: `Latest state of a ${kind}`,
    parameters: { [parameter]: { description } },
    messages: { state: { $ref: `#/components/messages/${kind}-state` } },
  }
}

function stateMessageOf(kind: KindName): Json {
  const payload = { schemaFormat, schema: jsonSchema(latestStates[kind]) }
  return { [`${kind}-state`]: { name: `${kind}-state`, contentType: 'application/json', payload } }
}

function messagesOf(kind: KindName): Json {
  const messages = Object.entries(kinds[kind].events).map(([type, { version, data }]) => {
    const properties = {
      type: { const: type },
      dataschema: { const: dataSchemaOf(kind, { type, version }) },
      machine: { const: kind },
      data: referenceTo(data) ?? jsonSchema(data),
    }
    const schema = {
      type: 'object',
      allOf: [referenceTo(cloudEventAttributes), { type: 'object', properties }],
      oneOf: ['data', 'dataref'].map((name) => ({ type: 'object', required: [name] })),
    }
    return [`${kind}.${type}`, { name: type, payload: { schemaFormat, schema } }]
  })
  return Object.fromEntries(messages)
}

function referenceTo(schema: z.ZodType): Json | null {
  const known = shared.find((one) => one.schema === schema)
  return known === undefined ? null : { $ref: `#/components/schemas/${known.name}/schema` }
}

function jsonSchema(schema: z.ZodType): Json {
  const { $schema: _draft, ...rest } = z.toJSONSchema(schema, { target: 'draft-7', io: 'input' })
  return rest
}
