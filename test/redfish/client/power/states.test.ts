// Hosts and slots whose state stands against a request: what is looked at, waited for, or done instead (quirks.md 6, 8,
// 9).
import { expect, test } from 'vitest'
import { judgeReadBack } from '../../../../redfish/client/boot/override.ts'
import { failureOf } from '../../bmc-contract.ts'
import { DOCUMENTS, PATHS, type RawAnswer, type RawRequest, treeHandler } from '../../rig/raw-server.ts'
import { withServer } from '../../rig/with-server.ts'

const IMAGE = 'http://media.example/t0ken-t0ken/a.iso'
const TYPES = 'ResetType@Redfish.AllowableValues'

const bodyOf = (request: RawRequest): Record<string, unknown> => Object.fromEntries(Object.entries(request.body ?? {}))
const refused = (status: number, id: string): RawAnswer => ({
  status,
  body: { error: { '@Message.ExtendedInfo': [{ MessageId: id }] } },
})
const system = (change: Record<string, unknown>) => ({ ...DOCUMENTS[PATHS.system], ...change })
const resetsOf = (requests: readonly RawRequest[]) =>
  requests.filter(({ path }) => path === PATHS.reset).map((request) => bodyOf(request)['ResetType'])

test.each([
  [409, 'IDRAC.1.6.PSU501'],
  [409, 'Base.1.18.ActionParameterValueConflict'],
  [400, 'iLO.2.14.InvalidOperationForSystemState'],
])('a host that is on by the time the BMC refuses On with %i %s is on', async (status, id) => {
  let power = 'Off'
  const handler = treeHandler((request) => {
    if (request.path === PATHS.system) return { body: system({ PowerState: power }) }
    if (request.path !== PATHS.reset) return undefined
    power = 'On'
    return refused(status, id)
  })
  await withServer(handler, async ({ bmc, server, signal }) => {
    expect(await bmc.powerOn({ signal })).toMatchObject({ sent: ['On'], evidence: 'power-state' })
    expect(resetsOf(server.requests)).toEqual(['On'])
  })
})

test('an iDRAC10 that refuses On so soon after off is asked again, each time announced', async () => {
  let refusals = 0
  let power = 'Off'
  const handler = treeHandler((request) => {
    if (request.path === PATHS.system) return { body: system({ PowerState: power }) }
    if (request.path !== PATHS.reset) return undefined
    if (refusals++ < 2) return refused(409, 'Base.1.18.ActionParameterValueConflict')
    power = 'On'
    return { status: 204 }
  })
  await withServer(handler, async ({ bmc, server, signal }) => {
    const intents: string[] = []
    const result = await bmc.restart({ signal, onIntent: async ({ resetType }) => void intents.push(resetType) })
    expect(result).toMatchObject({ sent: ['On', 'On', 'On'], attempts: 3 })
    expect(intents).toEqual(resetsOf(server.requests))
  })
})

test('a state that does not pass gives way to the next reset type, with the reason', async () => {
  let resetTime = '2026-01-01T00:00:00Z'
  const action = { target: PATHS.reset, [TYPES]: ['GracefulRestart', 'ForceRestart'] }
  const handler = treeHandler((request) => {
    if (request.path === PATHS.system) {
      return { body: system({ LastResetTime: resetTime, Actions: { '#ComputerSystem.Reset': action } }) }
    }
    if (request.path !== PATHS.reset) return undefined
    if (bodyOf(request)['ResetType'] === 'GracefulRestart')
      return refused(400, 'iLO.2.14.InvalidOperationForSystemState')
    resetTime = '2026-01-01T00:05:00Z'
    return { status: 204 }
  })
  await withServer(
    handler,
    async ({ bmc, signal }) => {
      const reasons: string[] = []
      const result = await bmc.restart({ signal, onIntent: async ({ reason }) => void reasons.push(reason) })
      expect(result.sent).toEqual(['GracefulRestart', 'GracefulRestart', 'GracefulRestart', 'ForceRestart'])
      expect(reasons.at(-1)).toBe('GracefulRestart was refused: 400 iLO.2.14.InvalidOperationForSystemState')
    },
    { limits: { stateConflictMs: 20, statePauseMs: 5 } },
  )
})

test('a reset type that is known not to work on this model is not sent although it is listed', async () => {
  let power = 'On'
  const action = { target: PATHS.reset, [TYPES]: ['On', 'ForceOff', 'ForceRestart'] }
  const handler = treeHandler((request) => {
    if (request.path === PATHS.root) return { body: { ...DOCUMENTS[PATHS.root], Vendor: 'Lenovo' } }
    if (request.path === PATHS.system) {
      const Model = 'ThinkSystem SR675 V3'
      return { body: system({ Model, PowerState: power, Actions: { '#ComputerSystem.Reset': action } }) }
    }
    if (request.path !== PATHS.reset) return undefined
    power = bodyOf(request)['ResetType'] === 'ForceOff' ? 'Off' : 'On'
    return { status: 204 }
  })
  await withServer(handler, async ({ bmc, signal }) => {
    expect((await bmc.restart({ signal, onIntent: async () => {} })).sent).toEqual(['ForceOff', 'On'])
  })
})

const FLAG = { Oem: { Hpe: { BootOnNextServerReset: true } } }

/** An iLO whose host is in POST for the first `refusals` writes of the override. */
function inPost(refusals: number, slot: Record<string, unknown>) {
  let boot: unknown = DOCUMENTS[PATHS.system]?.['Boot']
  let left = refusals
  let flag: unknown = { Oem: { Hpe: { BootOnNextServerReset: false } } }
  return treeHandler((request) => {
    if (request.path === PATHS.slot) {
      if (request.method === 'PATCH') flag = request.body
      const oem = slot['Oem'] === undefined ? {} : Object(flag)
      return { body: { ...DOCUMENTS[PATHS.slot], ...slot, ...oem } }
    }
    if (request.path !== PATHS.system) return undefined
    if (request.method === 'GET') return { body: system({ Boot: boot }) }
    if (left-- > 0) return refused(400, 'iLO.2.26.UnableToModifyDuringSystemPOST')
    boot = bodyOf(request)['Boot']
    return { status: 200, body: {} }
  })
}

test('a host in POST gets the flag of the slot that holds the medium, which works then', async () => {
  const slot = { Inserted: true, Image: IMAGE, Oem: {} }
  await withServer(inPost(1_000, slot), async ({ bmc, server, signal }) => {
    const result = await bmc.setBootOnceFromCd({ signal })
    expect(result.changed).toBe(true)
    expect(result.warnings).toEqual([
      'the host is in POST: the slot was flagged to be booted from at the next reset instead',
    ])
    const patches = server.requests.filter(({ method }) => method === 'PATCH')
    expect(patches.at(-1)).toMatchObject({ path: PATHS.slot, body: FLAG })
    expect(patches.filter(({ path }) => path === PATHS.system)).toHaveLength(3)
  })
})

test('where no slot has such a flag the end of POST is waited for, longer than for other refusals', async () => {
  await withServer(inPost(8, {}), async ({ bmc, signal }) => {
    const result = await bmc.setBootOnceFromCd({ signal })
    expect(result).toMatchObject({ changed: true, warnings: [], override: { enabled: 'Once', target: 'Cd' } })
  })
})

test('an old iDRAC, whose Cd is the physical drive, gets a configuration import, followed to its end', async () => {
  const target = `${PATHS.manager}/Actions/Oem/EID_674_Manager.ImportSystemConfiguration`
  const task = '/redfish/v1/TaskService/Tasks/JID_1'
  let busy = true
  let polls = 0
  const handler = treeHandler((request) => {
    if (request.path === PATHS.root) return { body: { ...DOCUMENTS[PATHS.root], Vendor: 'Dell' } }
    if (request.path === PATHS.manager) {
      const Oem = { 'OemManager.v1_0_0#OemManager.ImportSystemConfiguration': { target } }
      const Model = '13G Modular'
      return { body: { ...DOCUMENTS[PATHS.manager], Model, FirmwareVersion: '2.41.40.40', Actions: { Oem } } }
    }
    if (request.path === target) {
      const answer = busy ? refused(503, 'IDRAC.2.8.RAC0679') : { status: 202, headers: { Location: task } }
      busy = false
      return answer
    }
    if (request.path !== task) return undefined
    polls++
    // The iDRAC deletes a task that has ended (quirks.md 10).
    return polls < 3 ? { status: 202, body: { TaskState: 'Running' } } : { status: 404, body: {} }
  })
  await withServer(handler, async ({ bmc, server, signal }) => {
    const result = await bmc.setBootOnceFromCd({ signal })
    expect(result).toMatchObject({ changed: true, attempts: 2 })
    expect(result.warnings).toHaveLength(1)
    expect(polls).toBe(3)
    expect(JSON.stringify(server.requests.find(({ path }) => path === target)?.body)).toContain('VCD-DVD')
  })
})

test('an old iDRAC without that action says so', async () => {
  const handler = treeHandler((request) => {
    if (request.path === PATHS.root) return { body: { ...DOCUMENTS[PATHS.root], Vendor: 'Dell' } }
    if (request.path !== PATHS.manager) return undefined
    return { body: { ...DOCUMENTS[PATHS.manager], Model: '13G Modular', FirmwareVersion: '2.41.40.40' } }
  })
  await withServer(handler, async ({ bmc, signal }) => {
    expect(await failureOf(bmc.setBootOnceFromCd({ signal }))).toMatchObject({ kind: 'unsupported' })
  })
})

const once = { enabled: 'Once', target: 'Cd', mode: 'UEFI' } as const
const cleared = { enabled: 'Disabled', target: 'None', mode: null } as const

test.each([
  ['what was written', once, ['Once', 'Cd', 'UEFI'], 'in-force', 0],
  ['another mode', once, ['Once', 'Cd', 'Legacy'], 'in-force', 1],
  ['another target', once, ['Once', 'Pxe', 'UEFI'], 'not-yet', 0],
  ['Continuous, which this BMC says', once, ['Continuous', 'Cd', 'UEFI'], 'in-force', 1],
  ['nothing', once, [null, null, null], 'not-yet', 0],
  ['Once without target after clearing', cleared, ['Once', 'None', null], 'in-force', 0],
  ['another target for ever after clearing', cleared, ['Continuous', 'Hdd', 'UEFI'], 'in-force', 1],
  ['the CD still after clearing', cleared, ['Once', 'UsbCd', 'UEFI'], 'not-yet', 0],
] as const)('%s reads back', (_, change, [enabled, target, mode], kind, warnings) => {
  const judged = judgeReadBack({ enabled, target, mode }, change, { onceReadsBack: ['Once', 'Continuous'] })
  expect(judged.kind).toBe(kind)
  expect(judged.kind === 'in-force' ? judged.warnings.length : 0).toBe(warnings)
})

test('an Enabled that nobody knew about is waited out, and then a warning and no failure', async () => {
  let boot: unknown = DOCUMENTS[PATHS.system]?.['Boot']
  const handler = treeHandler((request) => {
    if (request.path !== PATHS.system) return undefined
    if (request.method === 'PATCH') {
      boot = { ...Object(bodyOf(request)['Boot']), BootSourceOverrideEnabled: 'Continuous' }
      return { status: 204 }
    }
    return { body: system({ Boot: boot }) }
  })
  await withServer(
    handler,
    async ({ bmc, signal }) => {
      const { warnings } = await bmc.setBootOnceFromCd({ signal })
      expect(warnings).toEqual(['the boot override reads Continuous Cd after Once Cd was written'])
    },
    { limits: { confirmTimeoutMs: 40 } },
  )
})

test('a read-only Boot is written in the settings object', async () => {
  const settings = `${PATHS.system}/Settings`
  let pending: unknown = {}
  const handler = treeHandler((request) => {
    if (request.path === settings) {
      if (request.method === 'PATCH') pending = bodyOf(request)['Boot']
      return { body: { Boot: pending } }
    }
    if (request.path !== PATHS.system) return undefined
    if (request.method === 'PATCH') return refused(400, 'Base.1.18.PropertyNotWritable')
    return { body: system({ '@Redfish.Settings': { SettingsObject: { '@odata.id': settings } } }) }
  })
  await withServer(handler, async ({ bmc, signal }) => {
    expect(await bmc.setBootOnceFromCd({ signal })).toMatchObject({ changed: true, override: { target: 'Cd' } })
  })
})

test('slots in use: the others are emptied too, but for what this client has put into them', async () => {
  const paths = ['CD1', 'CD2', 'CD3'].map((id) => `${PATHS.media}/${id}`)
  const held = new Map<string, string>([[paths[2] ?? '', 'http://other.example/left-over.iso']])
  const handler = treeHandler((request) => {
    if (request.path === PATHS.media) return { body: { Members: paths.map((path) => ({ '@odata.id': path })) } }
    const path = paths.find((candidate) => request.path.startsWith(candidate))
    if (path === undefined) return undefined
    if (request.path === path) {
      const action = (name: string) => ({ target: `${path}/Actions/VirtualMedia.${name}` })
      const Actions = {
        '#VirtualMedia.InsertMedia': action('InsertMedia'),
        '#VirtualMedia.EjectMedia': action('EjectMedia'),
      }
      const Image = held.get(path) ?? null
      return { body: { Id: path.split('/').at(-1), MediaTypes: ['CD'], Image, Inserted: Image !== null, Actions } }
    }
    if (request.path.endsWith('EjectMedia')) held.delete(path)
    else if (path === paths[1] && held.has(paths[2] ?? '')) return refused(400, 'IDRAC.2.8.VRM0021')
    else held.set(path, String(bodyOf(request)['Image']))
    return { status: 204 }
  })
  await withServer(handler, async ({ bmc, server, signal }) => {
    const [first = '', second = '', third = ''] = paths
    await bmc.insertMedia({ slot: first, image: IMAGE }, { signal })
    const result = await bmc.insertMedia({ slot: second, image: IMAGE }, { signal })
    expect(result).toMatchObject({ alsoEjected: [third], confirmed: { inserted: true } })
    expect([...held.keys()]).toEqual([first, second])
    expect(server.requests.filter(({ path }) => path === `${second}/Actions/VirtualMedia.InsertMedia`)).toHaveLength(2)
  })
})
