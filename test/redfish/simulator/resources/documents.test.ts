// Holds the simulator's documents against captures of real ones: what it offers must exist there, with that JSON type.
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type SimulatedBmc, type Simulator, startSimulator } from '../../../../redfish/simulator/server.ts'
import { call, managerPath, mediaPath, post, sessionsPath, systemPath } from '../rig/caller.ts'

const captures = resolve(import.meta.dirname, '../../../../../shared/redfish/fixtures')
const missing = existsSync(captures) ? null : `there are no captured Redfish documents at ${captures}`
if (missing !== null) process.stderr.write(`documents.test.ts is skipped: ${missing}\n`)

/** Standard, but in no capture: the Session schema has it from 1.4 on (DSP8010). */
const ofTheSchemaAlone = ['Session/CreatedTime: string']

let simulator: Simulator
let bmc: SimulatedBmc
/** Schema name → path of a property → JSON types it has in captures. */
let known: Map<string, Map<string, Set<string>>>

beforeAll(async () => {
  simulator = await startSimulator({
    bmcs: [{ serial: 'SN-1', username: 'u', password: 'p', checksImages: false }],
    speed: 1_000,
  })
  bmc = simulator.bmc('SN-1')
  known = missing === null ? await readCaptures() : new Map()
})

afterAll(async () => {
  await simulator.close()
})

async function readCaptures(): Promise<Map<string, Map<string, Set<string>>>> {
  const found = new Map<string, Map<string, Set<string>>>()
  for (const name of await readdir(captures, { recursive: true })) {
    if (!/redfish[/\\]v1[/\\].*index\.json$|redfish[/\\]v1[/\\]index\.json$/.test(name)) continue
    const document: unknown = JSON.parse(await readFile(join(captures, name), 'utf8'))
    const schema = schemaOf(document)
    if (schema === null) continue
    const types = found.get(schema) ?? new Map<string, Set<string>>()
    found.set(schema, types)
    for (const { path, type } of properties(document)) types.set(path, (types.get(path) ?? new Set()).add(type))
  }
  return found
}

function schemaOf(document: unknown): string | null {
  if (typeof document !== 'object' || document === null || !('@odata.type' in document)) return null
  return /^#(\w+)\./.exec(String(document['@odata.type']))?.[1] ?? null
}

/** Every property with its JSON type; the members of an array count as one. */
function* properties(value: unknown, path = ''): Generator<{ path: string; type: string }> {
  if (path !== '') yield { path, type: value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value }
  if (typeof value !== 'object' || value === null) return
  for (const [name, member] of Object.entries(value))
    yield* properties(member, Array.isArray(value) ? `${path}[]` : `${path}/${name}`)
}

function unknownTo(schema: string, document: unknown): string[] {
  const types = known.get(schema) ?? new Map<string, Set<string>>()
  return [...properties(document)]
    .filter(({ path, type }) => {
      const seen = types.get(path)
      if (seen === undefined) return true
      // A property that may be null was captured either filled or empty, as that BMC happened to be.
      return !(seen.has(type) || type === 'null' || (seen.has('null') && seen.size === 1))
    })
    .map(({ path, type }) => `${schema}${path}: ${type}`)
}

test.skipIf(missing !== null)(
  'every property of every document is one that real BMCs have, with the same type',
  async () => {
    await post(bmc, sessionsPath, { UserName: 'u', Password: 'p' })
    const paths = [
      '/redfish/v1/',
      '/redfish/v1/Systems',
      systemPath,
      '/redfish/v1/Managers',
      managerPath,
      mediaPath,
      `${mediaPath}/CD1`,
      '/redfish/v1/Chassis',
      '/redfish/v1/SessionService',
      sessionsPath,
      `${sessionsPath}/1`,
    ]
    const unknown: string[] = []
    for (const path of paths) {
      const { body } = await call(bmc, path)
      const schema = schemaOf(body)
      if (schema === null) throw new Error(`${path} has no @odata.type`)
      expect([...known.keys()], `captures of ${schema}`).toContain(schema)
      unknown.push(...unknownTo(schema, body))
    }
    expect(unknown).toEqual(ofTheSchemaAlone)
  },
)

test.skipIf(missing !== null)('a filled slot looks like the filled slots of real BMCs', async () => {
  const body = { Image: 'http://192.0.2.1/x.iso', UserName: 'reader', Password: 'secret' }
  await post(bmc, `${mediaPath}/CD2/Actions/VirtualMedia.InsertMedia`, body)
  await expect.poll(() => bmc.state.slots['CD2']?.inserted).toBe(true)
  expect(unknownTo('VirtualMedia', (await call(bmc, `${mediaPath}/CD2`)).body)).toEqual([])
})

test.skipIf(missing !== null)('the comparison notices a made-up property and a wrong type', () => {
  expect(unknownTo('ComputerSystem', { Colour: 'red', PowerState: 1 })).toEqual([
    'ComputerSystem/Colour: string',
    'ComputerSystem/PowerState: number',
  ])
})
