/**
 * Finding and checking the task medium, as the dispatcher of the maintenance OS does (spec/maintenance-os.md, "Boot to
 * hand-off", steps 3 to 5): by content, with checksums, against the schema beside the recipe.
 */
import { createHash } from 'node:crypto'
import { Ajv, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import { isObject, type Json, type JsonObject, parseJson } from '../bmc/reply.ts'
import { openFat } from './fat.ts'
import { openIso } from './iso9660.ts'
import type { Medium } from './medium.ts'

/** Address and token for reports: the content of `/report.json`. */
export type ReportAddress = {
  readonly webhookUrl: string
  readonly serverSerial: string
  readonly jobId: string
  readonly token: string
}

/** Exit codes of the dispatcher (spec/maintenance-os.md) that the simulated one uses. */
export const exitCodes = {
  noTaskMedium: 10,
  mountFailed: 11,
  schemaBroken: 12,
  recipeUnreadable: 13,
  recipeInvalid: 14,
  unknownTarget: 16,
  wrongMachine: 18,
  internalError: 20,
} as const

/** The dispatcher gave up. `address` is null when it does not know the address for reports. */
export class DispatchFailure extends Error {
  override readonly name = 'DispatchFailure'
  readonly exitCode: number
  readonly address: ReportAddress | null

  constructor(exitCode: number, detail: string, context: { address: ReportAddress | null; cause?: unknown }) {
    super(detail, { cause: context.cause })
    this.exitCode = exitCode
    this.address = context.address
  }
}

/** The directory of a medium that holds the task. */
export type TaskMedium = {
  /** Null when the directory has no such file. */
  readonly readFile: (name: string) => Promise<Buffer | null>
}

/** The dispatcher looks in the root of a disc, in the root of a disk, and last in a folder of its boot disc. */
export type TaskPlace = 'optical' | 'removable' | 'boot medium'

/**
 * The task in this place, recognised by `recipe.json` and its schema side by side. Null when there is none.
 *
 * @throws an error for which `isUnreadable` is true.
 */
export async function findTask(medium: Medium, place: TaskPlace): Promise<TaskMedium | null> {
  const task = place === 'removable' ? await onDisk(medium) : await onDisc(medium, place === 'optical' ? '' : '/task')
  const names = ['recipe.json', 'recipe.schema.json']
  for (const name of names) if (!(await task.has(name))) return null
  return task
}

async function onDisc({ readAt }: Medium, folder: string) {
  const iso = await openIso(readAt)
  const find = (name: string) => iso.find(`${folder}/${name}`)
  return {
    has: async (name: string) => (await find(name)) !== null,
    readFile: async (name: string) => {
      const entry = await find(name)
      return entry === null ? null : await iso.readFile(entry)
    },
  }
}

async function onDisk({ readAt }: Medium) {
  const fat = await openFat(readAt)
  return {
    has: async (name: string) => (await fat.find(`/${name}`)) !== null,
    readFile: async (name: string) => {
      const entry = await fat.find(`/${name}`)
      return entry === null ? null : await fat.readFile(entry)
    },
  }
}

/** Reads and checks all files that the hand-off needs. @throws DispatchFailure */
export async function readTask(
  task: TaskMedium,
  machine: { readonly serial: string; readonly targets: readonly string[] },
): Promise<{ readonly address: ReportAddress; readonly target: string; readonly recipe: JsonObject }> {
  const address = await readAddress(task)
  const fail = (exitCode: number, detail: string, cause?: unknown) =>
    new DispatchFailure(exitCode, detail, { address, cause })

  const wrongFile = await firstWrongChecksum(task)
  if (wrongFile !== null) throw fail(exitCodes.recipeUnreadable, `the checksum of ${wrongFile} does not match`)

  const recipe = await readDocument(task, 'recipe.json')
  if (!isObject(recipe)) throw fail(exitCodes.recipeUnreadable, 'recipe.json is not a JSON object')
  const schema = await readDocument(task, 'recipe.schema.json')
  if (!isObject(schema)) throw fail(exitCodes.schemaBroken, 'recipe.schema.json is not a JSON object')
  const faults = faultsOf(recipe, compile(schema, address))
  if (faults.length > 0) throw fail(exitCodes.recipeInvalid, `the recipe is invalid: ${faults.join(', ')}`)

  const target = recipe['task_target']
  if (typeof target !== 'string' || !machine.targets.includes(target))
    throw fail(exitCodes.unknownTarget, 'the task target is not installed')
  if (address.serverSerial !== machine.serial)
    throw fail(exitCodes.wrongMachine, 'the task medium is for another machine')
  return { address, target, recipe }
}

async function readAddress(task: TaskMedium): Promise<ReportAddress> {
  const report = await readDocument(task, 'report.json')
  const text = (name: string): string => {
    const value = isObject(report) ? report[name] : undefined
    if (typeof value !== 'string')
      throw new DispatchFailure(exitCodes.internalError, `report.json has no ${name}`, { address: null })
    return value
  }
  return {
    webhookUrl: text('webhook_url'),
    serverSerial: text('server_serial'),
    jobId: text('job_id'),
    token: text('token'),
  }
}

/** `SHA256SUMS` as coreutils writes it: 64 hex digits, a space, a space or an asterisk, the file's name. */
async function firstWrongChecksum(task: TaskMedium): Promise<string | null> {
  const lines = (await readText(task, 'SHA256SUMS'))?.split('\n').filter((line) => line !== '') ?? []
  if (lines.length === 0) return 'SHA256SUMS'
  for (const line of lines) {
    const [, expected, name] = /^([0-9a-f]{64}) [ *](?:\.?\/)?(.+)$/.exec(line) ?? []
    if (expected === undefined || name === undefined) return 'SHA256SUMS'
    const content = await task.readFile(name)
    if (content === null || createHash('sha256').update(content).digest('hex') !== expected) return name
  }
  return null
}

function compile(schema: JsonObject, address: ReportAddress): ValidateFunction {
  try {
    const ajv = new Ajv({ allErrors: true, strict: false })
    addFormats.default(ajv)
    return ajv.compile(schema)
  } catch (error) {
    throw new DispatchFailure(exitCodes.schemaBroken, 'recipe.schema.json is not a usable schema', {
      address,
      cause: error,
    })
  }
}

/** Faults with places and keywords only, because values of a recipe may be secret (spec/recipe.md). */
function faultsOf(recipe: JsonObject, validate: ValidateFunction): string[] {
  if (validate(recipe)) return []
  return (validate.errors ?? []).map(({ instancePath, keyword }) => `${instancePath || '/'} ${keyword}`)
}

async function readDocument(task: TaskMedium, name: string): Promise<Json> {
  const text = await readText(task, name)
  try {
    return text === null ? null : parseJson(text)
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

async function readText(task: TaskMedium, name: string): Promise<string | null> {
  return (await task.readFile(name))?.toString('utf8') ?? null
}
