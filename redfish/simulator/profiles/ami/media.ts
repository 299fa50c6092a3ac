/** AMI's remote media: switched on and off, a number of CD drives, a media service that restarts, inserts as tasks. */
import type { Bmc } from '../../bmc/bmc.ts'
import type { Slot } from '../../bmc/media.ts'
import { refuse } from '../../bmc/messages.ts'
import type { BmcRequest, Json, JsonObject, Reply } from '../../bmc/reply.ts'
import {
  actionInfo,
  branch,
  checkKnown,
  collection,
  objectBody,
  ok,
  quote,
  type Resource,
} from '../../resources/resource.ts'
import type { Behaviour } from '../profile.ts'
import { part, withContext } from '../shape.ts'

/** From EnableRMedia until the drives are listed (quirks.md 5). */
const enableMs = 10_000
/** ConfigureCDInstance restarts the media service for this long (quirks.md 4). */
const serviceRestartMs = 180_000
const tasksMax = 64
const servicePath = '/redfish/v1/TaskService'
const tasksPath = `${servicePath}/Tasks`

export function remoteMedia(bmc: Bmc): Behaviour {
  const oem = `${bmc.paths.manager}/Actions/Oem/Ami/VirtualMedia`
  const info = `${bmc.paths.manager}/Oem/Ami/VirtualMedia`
  const inserts = new InsertTasks()
  let enabled = false
  let serving = false
  let drives = 1
  let restarts = 0

  const restartService = (ms: number): void => {
    serving = false
    restarts += 1
    const restart = restarts
    bmc.later(ms, () => {
      if (restart === restarts) serving = enabled
    })
  }
  const enable = (request: BmcRequest): Reply => {
    const state = parameterOf(request, 'RMediaState', ['Enable', 'Disable'])
    if ('refusal' in state) return state.refusal
    enabled = state.value === 'Enable'
    restartService(enableMs)
    return bmc.profile.messages.done
  }
  const configure = (request: BmcRequest): Reply => {
    const count = parameterOf(request, 'CDInstance', [0, 1, 2, 3, 4])
    if ('refusal' in count) return count.refusal
    if (bmc.slots.some((slot) => slot.request !== null)) return refuse(400, { key: 'ResourceInUse' })
    drives = Number(count.value)
    restartService(serviceRestartMs)
    return bmc.profile.messages.done
  }
  const resources: Readonly<Record<string, Resource>> = {
    [`${oem}.EnableRMedia`]: { methods: { POST: enable } },
    [`${oem}.ConfigureCDInstance`]: { methods: { POST: configure } },
    [`${info}.EnableRMediaActionInfo`]: {
      methods: { GET: () => ok(actionInfo(`${info}.EnableRMediaActionInfo`, 'RMediaState', ['Enable', 'Disable'])) },
    },
    [`${info}.ConfigureCDInstanceActionInfo`]: {
      methods: {
        GET: () => ok(actionInfo(`${info}.ConfigureCDInstanceActionInfo`, 'CDInstance', [0, 1, 2, 3, 4])),
      },
    },
    [servicePath]: { methods: { GET: () => ok(serviceDocument()) } },
    [tasksPath]: {
      methods: { GET: () => ok(collection(tasksPath, 'TaskCollection', 'Task Collection', inserts.paths())) },
    },
  }
  const fixed = branch(resources)
  return {
    lists: ({ profile }) => serving && Number(profile.name.replace('CD', '')) <= drives,
    inserted: (slot) => inserts.add(slot),
    rewrite: ({ path }, reply) =>
      path.replace(/\/$/, '') === bmc.paths.manager && reply.status === 200
        ? {
            ...reply,
            body: managerDocument(part({ body: reply.body ?? null }, 'body'), { oem, info, enabled, drives }),
          }
        : reply,
    resources: (path) => {
      const task = inserts.document(path)
      return task === null ? fixed(path) : { methods: { GET: () => ok(task) } }
    },
  }
}

function managerDocument(
  base: JsonObject,
  media: { readonly oem: string; readonly info: string; readonly enabled: boolean; readonly drives: number },
): JsonObject {
  const action = (name: string) => ({
    [`#VirtualMedia.${name}`]: {
      target: `${media.oem}.${name}`,
      '@Redfish.ActionInfo': `${media.info}.${name}ActionInfo`,
    },
  })
  return {
    ...withContext(base),
    Actions: { ...part(base, 'Actions'), Oem: { ...action('EnableRMedia'), ...action('ConfigureCDInstance') } },
    Oem: {
      Ami: {
        '@odata.type': '#AMIManager.v1_0_0.AMIManager',
        VirtualMedia: { CDInstances: media.drives, RMediaStatus: media.enabled ? 'Enabled' : 'Disabled' },
      },
    },
  }
}

/** The tasks of the latest 64 inserts. */
class InsertTasks {
  #tasks: { readonly path: string; readonly slot: Slot; readonly image: string | null }[] = []
  #done = new Set<string>()
  #count = 0

  /** The answer to an insert: accepted, with the address of its task. */
  add(slot: Slot): Reply {
    this.#count += 1
    const path = `${tasksPath}/${this.#count}`
    this.#tasks = [...this.#tasks.slice(1 - tasksMax), { path, slot, image: slot.request?.image ?? null }]
    this.#done = new Set(this.paths().filter((known) => this.#done.has(known)))
    return { status: 202, headers: { location: path }, body: this.document(path) ?? {} }
  }

  paths(): readonly string[] {
    return this.#tasks.map(({ path }) => path)
  }

  document(path: string): JsonObject | null {
    const task = this.#tasks.find((candidate) => candidate.path === path)
    if (task === undefined) return null
    const waiting = !task.slot.inserted && task.slot.request?.image === task.image
    if (!waiting) this.#done.add(path)
    const done = this.#done.has(path)
    return {
      '@odata.id': path,
      '@odata.type': '#Task.v1_4_2.Task',
      '@odata.context': '/redfish/v1/$metadata#Task.Task',
      Id: path.split('/').at(-1) ?? '',
      Name: 'Virtual Media Insert',
      TaskState: done ? 'Completed' : 'Running',
      TaskStatus: 'OK',
      PercentComplete: done ? 100 : 50,
    }
  }
}

function serviceDocument(): JsonObject {
  return {
    '@odata.id': servicePath,
    '@odata.type': '#TaskService.v1_1_4.TaskService',
    Id: 'TaskService',
    Name: 'Task Service',
    ServiceEnabled: true,
    Tasks: { '@odata.id': tasksPath },
  }
}

function parameterOf(
  request: BmcRequest,
  name: string,
  values: readonly Json[],
): { readonly value: Json } | { readonly refusal: Reply } {
  const read = objectBody(request)
  if ('refusal' in read) return read
  const unknown = checkKnown(read.body, [name])
  if (unknown !== null) return { refusal: unknown }
  const value = read.body[name]
  const related = [`/${name}`]
  if (value === undefined)
    return { refusal: refuse(400, { key: 'ActionParameterMissing', args: [request.path, name], related }) }
  if (values.includes(value)) return { value }
  const args = [quote(value), name, request.path]
  return { refusal: refuse(400, { key: 'ActionParameterValueNotInList', args, related }) }
}
