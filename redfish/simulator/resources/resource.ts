/** Resources, which a path addresses, and the documents and checks that they share. */
import { refuse } from '../bmc/messages.ts'
import { type BmcRequest, isObject, type Json, type JsonObject, type Reply } from '../bmc/reply.ts'
import type { ResetTypesIn } from '../bmc/traits.ts'

export const rootPath = '/redfish/v1'

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'
type Handler = (request: BmcRequest) => Reply | Promise<Reply>

export type Resource = {
  readonly methods: Readonly<Partial<Record<Method, Handler>>>
  /** Methods that need no authentication (DSP0266, "Authentication"). */
  readonly open?: readonly Method[]
}

/** A part of the tree: the resource of a path, or null when it is not in this part. */
export type Branch = (path: string) => Resource | null

export function link(path: string): JsonObject {
  return { '@odata.id': path }
}

export function ok(body: JsonObject, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status: 200, headers, body }
}

export function collection(path: string, schema: string, name: string, members: readonly string[]): JsonObject {
  return {
    '@odata.id': path,
    '@odata.type': `#${schema}.${schema}`,
    Name: name,
    'Members@odata.count': members.length,
    Members: members.map(link),
  }
}

/** The ActionInfo resource of an action with one parameter. */
export function actionInfo(path: string, parameter: string, values: readonly Json[]): JsonObject {
  return {
    '@odata.id': path,
    '@odata.type': '#ActionInfo.v1_1_2.ActionInfo',
    Id: path.split('/').at(-1) ?? '',
    Name: 'Action Info',
    Parameters: [{ Name: parameter, Required: true, DataType: 'String', AllowableValues: values }],
  }
}

/** The ActionInfo of a reset action below this resource, where the profile has one. */
export function resetInfo(
  path: string,
  types: readonly string[],
  where: ResetTypesIn,
): Readonly<Record<string, Resource>> {
  const info = `${path}/ResetActionInfo`
  return where === 'action' ? {} : { [info]: { methods: { GET: () => ok(actionInfo(info, 'ResetType', types)) } } }
}

/** The properties by which a document lists the reset types. */
export function resetTypesShown(path: string, types: readonly string[], where: ResetTypesIn): JsonObject {
  return {
    ...(where === 'action-info' ? {} : { 'ResetType@Redfish.AllowableValues': types }),
    ...(where === 'action' ? {} : { '@Redfish.ActionInfo': `${path}/ResetActionInfo` }),
  }
}

/** The methods of a resource as the Allow header lists them. */
export function allowedMethods(resource: Resource): string {
  return Object.keys(resource.methods)
    .flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
    .join(', ')
}

/** A fixed set of resources by their paths. */
export function branch(resources: Readonly<Record<string, Resource>>): Branch {
  return (path) => (Object.hasOwn(resources, path) ? (resources[path] ?? null) : null)
}

/** The body as an object, or the refusal of any other body. A missing body counts as an empty object. */
export function objectBody(request: BmcRequest): { readonly body: JsonObject } | { readonly refusal: Reply } {
  if (request.body === null) return { body: {} }
  return isObject(request.body) ? { body: request.body } : { refusal: refuse(400, { key: 'UnrecognizedRequestBody' }) }
}

/** The refusal of the first property that is not known here, or null. */
export function checkKnown(body: JsonObject, known: readonly string[], pointer = ''): Reply | null {
  const unknown = Object.keys(body).find((name) => !known.includes(name) && !name.startsWith('@'))
  if (unknown === undefined) return null
  return refuse(400, { key: 'PropertyUnknown', args: [unknown], related: [`${pointer}/${unknown}`] })
}

/** The text of a refused value in a message. */
export function quote(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
