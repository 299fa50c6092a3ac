/** Small changes that most vendors make to the generic documents. */
import type { Json, JsonObject } from '../bmc/reply.ts'
import { isObject } from '../bmc/reply.ts'

/** The document without these properties. */
export function without(document: JsonObject, ...names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(document).filter(([name]) => !names.includes(name)))
}

/** The object under this name, empty where there is none. */
export function part(document: JsonObject, name: string): JsonObject {
  const value = document[name]
  return isObject(value) ? value : {}
}

/** With `@odata.context`, as services of Redfish before 1.6 and many after it have it. */
export function withContext(document: JsonObject): JsonObject {
  const schema = /^#(\w+)\.(?:.*\.)?(\w+)$/.exec(String(document['@odata.type']))
  return schema === null
    ? document
    : { '@odata.context': `/redfish/v1/$metadata#${schema[1]}.${schema[2]}`, ...document }
}

/** Every array of links gets its count beside it, as Dell and AMI write it. */
export function withCounts(links: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(links).flatMap(([name, value]): [string, Json][] =>
      Array.isArray(value)
        ? [
            [name, value],
            [`${name}@odata.count`, value.length],
          ]
        : [[name, value]],
    ),
  )
}
