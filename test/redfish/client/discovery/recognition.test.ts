/** Recognition of a known BMC by its System and its slots alone, and the lessons that stay when it is another one. */
import { expect, test } from 'vitest'
import type { KnownBmc } from '../../../../redfish/bmc.ts'
import type { Learned } from '../../../../redfish/learned.ts'
import { DOCUMENTS, PATHS, type RawAnswer, treeHandler } from '../../rig/raw-server.ts'
import { withServer } from '../../rig/with-server.ts'

type Changes = Readonly<Record<string, Record<string, unknown> | null>>

const bios = (version: string | null) => ({ [PATHS.system]: { BiosVersion: version } })
const before: Changes = {
  [PATHS.system]: {
    SerialNumber: 'S1',
    Model: 'M1',
    BiosVersion: '2.19.1',
    '@odata.type': '#ComputerSystem.v1_10_0.ComputerSystem',
  },
  [PATHS.manager]: { FirmwareVersion: '6.00.30', Model: 'controller' },
}

/** The tree with these properties changed; null takes a document away. */
function tree(...changes: readonly Changes[]) {
  return treeHandler(({ method, path }): RawAnswer | undefined => {
    const own = changes.filter((change) => change[path] !== undefined).map((change) => change[path])
    if (method !== 'GET' || own.length === 0) return undefined
    if (own.includes(null)) return { status: 404, body: {} }
    return { body: Object.assign({}, DOCUMENTS[path], ...own) }
  })
}

/** The description and the lessons of a probe of the unchanged BMC. */
async function probed(): Promise<{ readonly known: KnownBmc; readonly learned: Learned }> {
  let known: KnownBmc | null = null
  let learned: Learned = {}
  const onLearned = (all: Learned) => {
    learned = all
  }
  await withServer(
    tree(before),
    async ({ bmc, signal }) => {
      const { serial, layout, slots } = await bmc.discover({ signal })
      if (layout !== null) known = { serial, layout, slots }
    },
    { onLearned },
  )
  if (known === null) throw new Error('the probe found no layout')
  return { known, learned }
}

/** The result of a later client with the lessons of the probe, and the paths that it requested. */
async function recognised(later: Changes, { forgetful = false } = {}) {
  const { known, learned } = await probed()
  const result: { seen: unknown; asked: readonly string[] } = { seen: null, asked: [] }
  await withServer(
    tree(before, later),
    async ({ bmc, server, signal }) => {
      result.seen = await bmc.recognise(known, { signal })
      result.asked = server.requests.filter(({ path }) => path !== PATHS.sessions).map(({ path }) => path)
    },
    forgetful ? {} : { learned },
  )
  return result
}

test('a BMC that is as it was is recognised by its System and its slots, and nothing else is asked for', async () => {
  const { seen, asked } = await recognised({})
  expect(seen).toMatchObject({ power: { powerState: 'On' }, session: 'session', tls: 'none' })
  expect(asked).toEqual([PATHS.system, PATHS.slot])
})

test.each<[string, Changes]>([
  ['a System with another serial number', { [PATHS.system]: { SerialNumber: 'S2' } }],
  ['another model', { [PATHS.system]: { Model: 'M2' } }],
  ['a System that cannot be reset', { [PATHS.system]: { Actions: {} } }],
  ['a System that is gone', { [PATHS.system]: null }],
  ['a slot that is gone', { [PATHS.slot]: null }],
  ['a slot that takes other media', { [PATHS.slot]: { MediaTypes: ['USBStick'] } }],
  ['another BIOS', bios('2.20.0')],
  ['a firmware with another schema', { [PATHS.system]: { '@odata.type': '#ComputerSystem.v1_20_0.ComputerSystem' } }],
])('%s has to be discovered anew', async (_, later) => {
  expect((await recognised(later)).seen).toBeNull()
})

test.each<[string, Changes]>([
  ['a BIOS that is not known while the host is off', bios(null)],
  ['a slot that does not say what it takes', { [PATHS.slot]: { MediaTypes: [] } }],
])('%s is no other one', async (_, later) => {
  expect((await recognised(later)).seen).not.toBeNull()
})

test('a BIOS that was not known when the BMC was probed is learned when it shows', async () => {
  const { known, learned } = await probed()
  if (learned.places === undefined) throw new Error('the probe taught no places')
  const { bios: _, ...places } = learned.places
  let later: Learned = {}
  const onLearned = (all: Learned) => {
    later = all
  }
  await withServer(
    tree(before),
    async ({ bmc, signal }) => {
      expect(await bmc.recognise(known, { signal })).not.toBeNull()
    },
    { learned: { ...learned, places }, onLearned },
  )
  expect(later).toEqual(learned)
})

test('a client that was told nothing does not recognise anything, and asks for nothing', async () => {
  expect(await recognised({}, { forgetful: true })).toEqual({ seen: null, asked: [] })
})

test('what was read to recognise a BMC is not read again by the step that follows', async () => {
  const { known, learned } = await probed()
  let image: unknown = null
  const handler = tree(before)
  await withServer(
    (request, response) => {
      if (request.path === PATHS.insert) {
        image = 'http://media.example/a.iso'
        return { status: 204 }
      }
      if (request.path !== PATHS.slot) return handler(request, response)
      return { body: { ...DOCUMENTS[PATHS.slot], Image: image, Inserted: image !== null } }
    },
    async ({ bmc, server, signal }) => {
      await bmc.recognise(known, { signal })
      await bmc.insertMedia({ slot: PATHS.slot, image: 'http://media.example/a.iso' }, { signal })
      const asked = server.requests.filter(({ path }) => path !== PATHS.sessions)
      expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
        `GET ${PATHS.system}`,
        `GET ${PATHS.slot}`,
        `POST ${PATHS.insert}`,
        `GET ${PATHS.slot}`,
      ])
    },
    { learned },
  )
})

/** The lesson about inserts that is left after a discovery of the changed BMC. */
async function insertKnownAfter(later: Changes): Promise<Learned['insert']> {
  const { learned } = await probed()
  let now: Learned = { ...learned, insert: { method: 'POST', with: { Inserted: true } } }
  await withServer(
    tree(before, later),
    async ({ bmc, signal }) => {
      await bmc.discover({ signal })
    },
    {
      learned: now,
      onLearned: (all) => {
        now = all
      },
    },
  )
  return now.insert
}

test.each<[string, Changes]>([
  ['the firmware of the BMC', { [PATHS.manager]: { FirmwareVersion: '7.10.30' } }],
  ['the BIOS', bios('2.20.0')],
  ['the schema', { [PATHS.system]: { '@odata.type': '#ComputerSystem.v1_20_0.ComputerSystem' } }],
  ['the controller', { [PATHS.manager]: { Model: 'another' } }],
])('what was learned is dropped when %s has changed', async (_, later) => {
  expect(await insertKnownAfter(later)).toBeUndefined()
})

test('what was learned is kept while nothing changed, or while the BIOS is not known', async () => {
  expect(await insertKnownAfter({})).toBeDefined()
  expect(await insertKnownAfter(bios(null))).toBeDefined()
})
