// Requests that the client saves: for answers that it has already, and looks that come too early (quirks.md 6, 8, 9).
import { expect, test } from 'vitest'
import type { Surroundings } from '../../../../redfish/client/options.ts'
import type { Learned } from '../../../../redfish/learned.ts'
import { DOCUMENTS, PATHS, type RawAnswer, type RawRequest, treeHandler } from '../../rig/raw-server.ts'
import { withServer } from '../../rig/with-server.ts'

const IMAGE = 'http://media.example/t0ken-t0ken/a.iso'
const settings = `${PATHS.system}/Settings`

const bodyOf = (request: RawRequest): Record<string, unknown> => Object.fromEntries(Object.entries(request.body ?? {}))
const named = ({ method, path }: RawRequest) => `${method} ${path}`
const refused = (status: number, id: string): RawAnswer => ({
  status,
  body: { error: { '@Message.ExtendedInfo': [{ MessageId: id }] } },
})

/** Time that passes by waiting alone. */
function waits(): { readonly slept: number[]; readonly surroundings: Partial<Surroundings> } {
  const slept: number[] = []
  let nowMs = Date.parse('2026-01-01T00:00:00Z')
  const sleep = async (ms: number): Promise<void> => {
    slept.push(ms)
    nowMs += ms
  }
  return { slept, surroundings: { now: () => nowMs, sleep } }
}

test.each([
  ['tells where Systems and Managers are is not read again', { Managers: { '@odata.id': '/redfish/v1/Managers' } }, 1],
  ['tells less to who is not logged in is read again', {}, 2],
])('a service root that %s for the login', async (_, more, reads) => {
  const handler = treeHandler(({ path }) =>
    path === PATHS.root ? { body: { ...DOCUMENTS[PATHS.root], ...more } } : undefined,
  )
  await withServer(handler, async ({ bmc, server, signal }) => {
    await bmc.discover({ signal })
    expect(server.requests.filter(({ path }) => path === PATHS.root)).toHaveLength(reads)
    expect(server.requests.filter(({ path }) => path === PATHS.sessions)).toHaveLength(1)
  })
})

/** A System whose settings object has these properties of the override. */
function withSettings(held: readonly string[], refusal: RawAnswer | null = null) {
  const places: Record<string, Record<string, unknown>> = {
    [PATHS.system]: Object.fromEntries(Object.entries(DOCUMENTS[PATHS.system]?.['Boot'] ?? {})),
    [settings]: {},
  }
  for (const property of held) {
    places[settings] = { ...places[settings], [property]: places[PATHS.system]?.[property] }
  }
  return treeHandler((request) => {
    const place = places[request.path]
    if (place === undefined) return undefined
    if (request.method === 'PATCH') {
      if (refusal !== null && request.path === PATHS.system) return refusal
      places[request.path] = { ...place, ...Object.fromEntries(Object.entries(bodyOf(request)['Boot'] ?? {})) }
      return { status: 204 }
    }
    const document = { ...DOCUMENTS[request.path], Boot: place }
    return { body: { ...document, '@Redfish.Settings': { SettingsObject: { '@odata.id': settings } } } }
  })
}

async function bootOnce(handler: ReturnType<typeof withSettings>, learned: Learned = {}) {
  const said: { requests: string[]; learned: Learned } = { requests: [], learned: {} }
  await withServer(
    handler,
    async ({ bmc, server, signal }) => {
      said.learned = (await bmc.setBootOnceFromCd({ signal })).learned
      expect(await bmc.bootOverride({ signal })).toMatchObject({ enabled: 'Once', target: 'Cd' })
      said.requests = server.requests.map(named)
      said.requests = said.requests.slice(0, said.requests.lastIndexOf(`GET ${PATHS.system}`))
    },
    { learned },
  )
  return said
}

test('settings that hold nothing of the override are read once and, by the next client, not at all', async () => {
  const first = await bootOnce(withSettings([]))
  expect(first.requests.filter((request) => request.endsWith(settings))).toEqual([`GET ${settings}`])
  expect(first.learned.boot).toMatchObject({ settingsUnused: true })
  const second = await bootOnce(withSettings([]), first.learned)
  expect(second.requests.filter((request) => request.endsWith(settings))).toEqual([])
  expect(second.learned).toEqual(first.learned)
})

test('settings that hold the override by now are found when the System refuses it', async () => {
  const { learned } = await bootOnce(withSettings([]))
  const held = ['BootSourceOverrideEnabled', 'BootSourceOverrideTarget']
  const later = await bootOnce(withSettings(held, refused(400, 'Base.1.18.PropertyNotWritable')), learned)
  expect(later.requests).toContain(`PATCH ${settings}`)
  expect(later.learned.boot).not.toHaveProperty('settingsUnused')
})

test('settings that have the mode already are neither written nor read back; what was written is', async () => {
  const { requests, learned } = await bootOnce(withSettings(['BootSourceOverrideMode']))
  expect(requests.slice(-3)).toEqual([`GET ${settings}`, `PATCH ${PATHS.system}`, `GET ${PATHS.system}`])
  expect(learned.boot).not.toHaveProperty('settingsUnused')
})

/** A host that can be switched; On is refused so often after it went off. */
function switchable(conflicts: number) {
  let power = 'On'
  let left = 0
  return treeHandler((request) => {
    if (request.path === PATHS.root) return { body: { ...DOCUMENTS[PATHS.root], Vendor: 'Dell' } }
    if (request.path === PATHS.manager) return { body: { ...DOCUMENTS[PATHS.manager], Model: '17G Monolithic' } }
    if (request.path === PATHS.system) return { body: { ...DOCUMENTS[PATHS.system], PowerState: power } }
    if (request.path !== PATHS.reset) return undefined
    if (bodyOf(request)['ResetType'] === 'ForceOff') {
      power = 'Off'
      left = conflicts
    } else if (left-- > 0) return refused(409, 'Base.1.18.ActionParameterValueConflict')
    else power = 'On'
    return { status: 204 }
  })
}

const look = `GET ${PATHS.system}`
const reset = `POST ${PATHS.reset}`

test('a host that was just seen to be on is switched off without another look, and looked at afterwards', async () => {
  await withServer(switchable(0), async ({ bmc, server, signal }) => {
    await bmc.power({ signal })
    const before = server.requests.length
    expect(await bmc.powerOff({ signal })).toMatchObject({ sent: ['ForceOff'], after: { powerState: 'Off' } })
    expect(server.requests.slice(before).map(named)).toEqual([reset, look])
  })
})

test.each([
  ['somebody else was there', { seenOnMsMax: 300_000 }, true],
  ['that was long ago', { seenOnMsMax: -1 }, false],
])('it is looked at before as well where %s', async (_, limits, forgets) => {
  const handler = switchable(0)
  await withServer(
    handler,
    async ({ bmc, server, signal }) => {
      await bmc.power({ signal })
      if (forgets) bmc.forgetRead()
      const before = server.requests.length
      await bmc.powerOff({ signal })
      expect(server.requests.slice(before).map(named)).toEqual([look, reset, look])
    },
    { limits },
  )
})

test('a host that went off meanwhile stays off', async () => {
  let power = 'On'
  const handler = treeHandler((request) => {
    if (request.path === PATHS.system) return { body: { ...DOCUMENTS[PATHS.system], PowerState: power } }
    return request.path === PATHS.reset ? refused(409, 'IDRAC.1.6.PSU502') : undefined
  })
  await withServer(handler, async ({ bmc, signal }) => {
    await bmc.power({ signal })
    power = 'Off'
    expect(await bmc.powerOff({ signal })).toMatchObject({ evidence: 'power-state', after: { powerState: 'Off' } })
  })
})

test('On that is a conflict is given its time before the one look that the next On is decided on', async () => {
  const { slept, surroundings } = waits()
  await withServer(
    switchable(1),
    async ({ bmc, server, signal }) => {
      await bmc.power({ signal })
      await bmc.powerOff({ signal })
      const before = server.requests.length
      await bmc.powerOn({ signal })
      expect(server.requests.slice(before).map(named)).toEqual([reset, look, reset, look])
    },
    { surroundings, limits: { offRestMs: 30_000 } },
  )
  // This BMC is known to refuse it for about half a minute.
  expect(slept).toContain(30_000)
})

test('a slot that is known to lag is looked at later, and the first look is enough', async () => {
  const { slept, surroundings } = waits()
  let image: unknown = null
  const handler = treeHandler((request) => {
    if (request.path === PATHS.root) return { body: { ...DOCUMENTS[PATHS.root], Vendor: 'Lenovo' } }
    if (request.path === PATHS.insert) {
      image = bodyOf(request)['Image']
      return { status: 204 }
    }
    if (request.path !== PATHS.slot) return undefined
    const inserted = slept.reduce((sum, ms) => sum + ms, 0) >= 4_000 && image !== null
    return { body: { ...DOCUMENTS[PATHS.slot], Image: image, Inserted: inserted } }
  })
  await withServer(
    handler,
    async ({ bmc, server, signal }) => {
      await bmc.insertMedia({ slot: PATHS.slot, image: IMAGE }, { signal })
      expect(server.requests.filter(({ path }) => path === PATHS.slot)).toHaveLength(2)
    },
    { surroundings, limits: { mediaLagMs: 5_000, mediaSettleMs: 1_000 } },
  )
  expect(slept).toEqual([5_000])
})

test('a task is given a moment before it is asked for', async () => {
  const { slept, surroundings } = waits()
  const task = '/redfish/v1/TaskService/Tasks/1'
  let image: unknown = null
  const handler = treeHandler((request) => {
    if (request.path === task) return { body: { TaskState: slept.includes(2_000) ? 'Completed' : 'Running' } }
    if (request.path === PATHS.slot) {
      return { body: { ...DOCUMENTS[PATHS.slot], Image: image, Inserted: image !== null } }
    }
    if (request.path !== PATHS.insert) return undefined
    image = bodyOf(request)['Image']
    return { status: 202, headers: { Location: task } }
  })
  await withServer(
    handler,
    async ({ bmc, server, signal }) => {
      await bmc.insertMedia({ slot: PATHS.slot, image: IMAGE }, { signal })
      expect(server.requests.filter(({ path }) => path === task)).toHaveLength(1)
    },
    { surroundings, limits: { taskPollMs: 2_000, taskTimeoutMs: 600_000 } },
  )
})

/** An iLO 4's slot: Hewlett-Packard's own actions, as its document shows. */
function ownSlot() {
  let image: unknown = null
  const target = (name: string) => `${PATHS.slot}/Actions/Oem/Hp/HpiLOVirtualMedia.${name}`
  return treeHandler((request) => {
    if (request.path === target('InsertVirtualMedia')) image = bodyOf(request)['Image']
    else if (request.path === target('EjectVirtualMedia')) image = null
    else if (request.path === PATHS.slot) {
      const actions = ['InsertVirtualMedia', 'EjectVirtualMedia'].map((name) => [
        `#HpiLOVirtualMedia.${name}`,
        { target: target(name) },
      ])
      const { Actions: _, ...slot } = DOCUMENTS[PATHS.slot] ?? {}
      const oem = { Hp: { Actions: Object.fromEntries(actions) } }
      return { body: { ...slot, Image: image, Inserted: image !== null, Oem: oem } }
    } else return undefined
    return { body: {} }
  })
}

test('a slot with actions of its own is read once before it is filled, and not before it is emptied', async () => {
  await withServer(ownSlot(), async ({ bmc, server, signal }) => {
    const shown = () => server.requests.filter(({ path }) => path.startsWith(PATHS.slot)).map(({ method }) => method)
    await bmc.insertMedia({ slot: PATHS.slot, image: IMAGE }, { signal })
    expect(shown()).toEqual(['GET', 'POST', 'GET'])
    expect(await bmc.ejectMedia({ slot: PATHS.slot }, { signal })).toMatchObject({ alreadyEmpty: false })
    expect(shown()).toEqual(['GET', 'POST', 'GET', 'POST', 'GET'])
  })
})

test('a client that ejects as another one learned does not read the System again for the override', async () => {
  let inserted = true
  const handler = treeHandler(({ path, method }) => {
    if (path === PATHS.eject && method === 'POST') {
      inserted = false
      return { status: 204 }
    }
    return path === PATHS.slot ? { body: { ...DOCUMENTS[PATHS.slot], Inserted: inserted } } : undefined
  })
  let learned: Learned = {}
  await withServer(handler, async ({ bmc, signal }) => {
    await bmc.power({ signal })
    learned = (await bmc.ejectMedia({ slot: PATHS.slot }, { signal })).learned
  })
  expect(learned.ejects).toBeDefined()
  inserted = true
  await withServer(
    handler,
    async ({ bmc, server, signal }) => {
      await bmc.ejectMedia({ slot: PATHS.slot }, { signal })
      await bmc.clearBootOverride({ signal })
      expect(server.requests.map(named)).toEqual([
        `POST ${PATHS.sessions}`,
        `GET ${PATHS.system}`,
        `POST ${PATHS.eject}`,
        `GET ${PATHS.slot}`,
      ])
    },
    { learned },
  )
})
