// Media that no standard action moves: each vendor's own way, against a small BMC that takes nothing else (quirks.md 5).
import { expect, test } from 'vitest'
import { fill } from '../../../../redfish/client/media/slot-driver.ts'
import { failureOf } from '../../bmc-contract.ts'
import { DOCUMENTS, PATHS, type RawAnswer, type RawRequest, treeHandler } from '../../rig/raw-server.ts'
import { withServer } from '../../rig/with-server.ts'

const IMAGE = 'https://media.example:8443/t0ken-t0ken/a.iso'

const link = (path: string) => ({ '@odata.id': path })
const bodyOf = (request: RawRequest): Record<string, unknown> => Object.fromEntries(Object.entries(request.body ?? {}))
const writes = (requests: readonly RawRequest[]) =>
  requests
    .filter(({ method, path }) => method !== 'GET' && method !== 'DELETE' && path !== PATHS.sessions)
    .map(({ method, path, body }) => ({ method, path, body }))

test('iLO 4: the OEM actions of the slot', async () => {
  const act = (name: string) => `${PATHS.slot}/Actions/Oem/Hp/HpiLOVirtualMedia.${name}/`
  let image = ''
  const handler = treeHandler((request) => {
    if (request.path === PATHS.slot && request.method === 'GET') {
      const Actions = {
        '#HpiLOVirtualMedia.InsertVirtualMedia': { target: act('InsertVirtualMedia') },
        '#HpiLOVirtualMedia.EjectVirtualMedia': { target: act('EjectVirtualMedia') },
      }
      return { body: { Id: '2', MediaTypes: ['CD'], Inserted: image !== '', Image: image, Oem: { Hp: { Actions } } } }
    }
    if (request.path === act('InsertVirtualMedia')) image = String(bodyOf(request)['Image'])
    else if (request.path === act('EjectVirtualMedia')) image = ''
    else return undefined
    return { body: { error: { '@Message.ExtendedInfo': [{ MessageID: 'Base.0.10.Success' }] } } }
  })
  await withServer(handler, async ({ bmc, server, signal }) => {
    expect((await bmc.discover({ signal })).slots).toMatchObject([{ operation: 'oem-insert-virtual-media' }])
    expect(await bmc.insertMedia({ slot: PATHS.slot, image: IMAGE }, { signal })).toMatchObject({ attempts: 1 })
    expect(await bmc.ejectMedia({ slot: PATHS.slot }, { signal })).toMatchObject({ alreadyEmpty: false })
    expect(writes(server.requests)).toEqual([
      { method: 'POST', path: act('InsertVirtualMedia'), body: { Image: IMAGE } },
      { method: 'POST', path: act('EjectVirtualMedia'), body: {} },
    ])
  })
})

test('iLO 4 before 2.30: the slot is written, and what it does not know is left out', async () => {
  let image: unknown = null
  const handler = treeHandler((request) => {
    if (request.path === PATHS.root) return { body: { ...DOCUMENTS[PATHS.root], Oem: { Hp: {} } } }
    if (request.path !== PATHS.slot) return undefined
    if (request.method === 'GET') {
      return { body: { Id: '2', MediaTypes: ['CD'], Inserted: image !== null, Image: image ?? '' } }
    }
    const body = bodyOf(request)
    if ('Inserted' in body) {
      const unknown = { MessageId: 'Base.0.10.PropertyUnknown', MessageArgs: ['Inserted'] }
      return { status: 400, body: { error: { '@Message.ExtendedInfo': [unknown] } } }
    }
    image = body['Image']
    return { body: {} }
  })
  await withServer(handler, async ({ bmc, server, signal }) => {
    await bmc.insertMedia({ slot: PATHS.slot, image: IMAGE }, { signal })
    expect(writes(server.requests).map(({ body }) => body)).toEqual([{ Image: IMAGE }])
    await bmc.ejectMedia({ slot: PATHS.slot }, { signal })
    expect(writes(server.requests).at(-1)?.body).toEqual({ Image: null })
  })
})

const CONFIG = `${PATHS.media}/CfgCD`

/** X10 and X11: one CD that is configured and then mounted; the collection has a member only while it is. */
function isoConfig() {
  let config: Record<string, unknown> = {}
  let mounted = false
  return treeHandler((request): RawAnswer | undefined => {
    const { path, method } = request
    if (path === PATHS.media) {
      const VirtualMediaConfig = link(CONFIG)
      const members = mounted ? { Members: [link(`${PATHS.media}/CD1`)] } : {}
      return { body: { ...members, Oem: { Supermicro: { VirtualMediaConfig } } } }
    }
    if (path === `${PATHS.media}/CD1` && mounted) return { body: { Id: 'CD1', Image: config['Path'] } }
    if (path === CONFIG && method === 'PATCH') config = bodyOf(request)
    else if (path === `${CONFIG}/Actions/IsoConfig.Mount`) mounted = true
    else if (path === `${CONFIG}/Actions/IsoConfig.UnMount`) mounted = false
    else if (path === CONFIG) {
      const action = (name: string) => ({ target: `${CONFIG}/Actions/IsoConfig.${name}` })
      return {
        body: {
          Id: 'CfgCD',
          Actions: { '#IsoConfig.Mount': action('Mount'), '#IsoConfig.UnMount': action('UnMount') },
        },
      }
    } else return undefined
    return { body: { Success: { code: 'Base.1.0.0.Success' } } }
  })
}

test('X10 and X11: host and path are configured, then mounted, and the collection tells', async () => {
  await withServer(isoConfig(), async ({ bmc, server, signal }) => {
    const found = await bmc.discover({ signal })
    expect(found.slots).toMatchObject([{ id: CONFIG, operation: 'oem-iso-config', takes: ['cd'], inserted: false }])
    expect(found.layout).toEqual({ kind: 'single-cd', maintenance: CONFIG })
    const inserted = await bmc.insertMedia({ slot: CONFIG, image: IMAGE }, { signal })
    expect(inserted.confirmed).toMatchObject({ inserted: true, image: '/t0ken-t0ken/a.iso' })
    expect((await bmc.discover({ signal })).slots[0]?.inserted).toBe(true)
    expect(await bmc.ejectMedia({ slot: CONFIG }, { signal })).toMatchObject({ alreadyEmpty: false })
    expect(await bmc.ejectMedia({ slot: CONFIG }, { signal })).toMatchObject({ alreadyEmpty: true })
    expect(writes(server.requests)).toEqual([
      { method: 'PATCH', path: CONFIG, body: { Host: 'https://media.example:8443', Path: '/t0ken-t0ken/a.iso' } },
      { method: 'POST', path: `${CONFIG}/Actions/IsoConfig.Mount`, body: {} },
      { method: 'POST', path: `${CONFIG}/Actions/IsoConfig.UnMount`, body: {} },
    ])
  })
})

const SHARE = `${PATHS.system}/Oem/ts_fujitsu/VirtualMedia`
const CONNECT = `${PATHS.system}/Actions/Oem/FTSComputerSystem.VirtualMedia`

/** iRMC S4 and S5; `key` is the name that this firmware has for the action's parameter. */
function shareConfig(key: string, options: { readonly fails?: boolean } = {}) {
  let connected = false
  return treeHandler((request): RawAnswer | undefined => {
    const { path, method } = request
    if (path === PATHS.system && method === 'GET') {
      const Oem = { '#FTSComputerSystem.VirtualMedia': { target: CONNECT } }
      const Actions = { ...Object(DOCUMENTS[PATHS.system]?.['Actions']), Oem }
      return { body: { ...DOCUMENTS[PATHS.system], Actions, Oem: { ts_fujitsu: { VirtualMedia: link(SHARE) } } } }
    }
    if (path === PATHS.media) return { body: { Members: connected ? [link(PATHS.slot)] : [] } }
    if (path === PATHS.slot) return connected ? { body: { Id: '0', Inserted: true } } : { status: 404, body: {} }
    if (path === SHARE) {
      if (method === 'GET') return { body: { '@odata.etag': '"7"', CD: {} } }
      return { status: request.headers['if-match'] === '"7"' ? 200 : 428, body: {} }
    }
    if (path !== CONNECT) return undefined
    const action = bodyOf(request)[key]
    const missing = { MessageId: 'Base.1.5.ActionParameterMissing' }
    if (action === undefined) return { status: 400, body: { error: { '@Message.ExtendedInfo': [missing] } } }
    connected = action === 'ConnectCD' && options.fails !== true
    return { status: 204 }
  })
}

test.each(['FTSVirtualMediaAction', 'VirtualMediaAction'])('iRMC whose action calls its parameter %s', async (key) => {
  await withServer(shareConfig(key), async ({ bmc, server, signal }) => {
    const { layout } = await bmc.discover({ signal })
    expect(layout).toEqual({ kind: 'single-cd', maintenance: SHARE })
    await bmc.insertMedia({ slot: SHARE, image: IMAGE }, { signal })
    await bmc.ejectMedia({ slot: SHARE }, { signal })
    const [configured] = writes(server.requests)
    expect(configured?.body).toEqual({
      CD: { Server: 'media.example:8443', ShareName: '/t0ken-t0ken', ImageName: 'a.iso', ShareType: 'HTTPS' },
    })
    const actions = writes(server.requests).filter(({ path }) => path === CONNECT)
    expect(actions.at(-1)?.body).toEqual({ [key]: 'DisconnectCD' })
  })
})

test('an iRMC that accepts and connects nothing is not believed', async () => {
  await withServer(
    shareConfig('FTSVirtualMediaAction', { fails: true }),
    async ({ bmc, signal }) => {
      const failure = await failureOf(bmc.insertMedia({ slot: SHARE, image: IMAGE }, { signal }))
      expect(failure).toMatchObject({ kind: 'not-confirmed', action: 'insert' })
    },
    { limits: { confirmTimeoutMs: 50 } },
  )
})

/** AMI without slots until remote media is switched on. */
function remoteMedia() {
  let on = false
  const enable = `${PATHS.manager}/Actions/Oem/AMIVirtualMedia.EnableRMedia`
  return treeHandler((request): RawAnswer | undefined => {
    if (request.path === PATHS.manager) {
      const Actions = { Oem: { '#AMIVirtualMedia.EnableRMedia': { target: enable } } }
      const VirtualMedia = { RMediaStatus: on ? 'Enabled' : 'Disabled' }
      return { body: { ...DOCUMENTS[PATHS.manager], Actions, Oem: { Ami: { VirtualMedia } } } }
    }
    if (request.path === PATHS.media && !on) return { body: { Members: [] } }
    if (request.path !== enable) return undefined
    on = bodyOf(request)['RMediaState'] === 'Enable'
    return { status: 204 }
  })
}

test('remote media that is off is switched on where that is allowed, and found where it is not', async () => {
  await withServer(remoteMedia(), async ({ bmc, server, signal }) => {
    const { layout, findings } = await bmc.discover({ signal })
    expect(layout).toBeNull()
    expect(findings.map(({ code }) => code)).toContain('remote-media-disabled')
    expect(writes(server.requests)).toEqual([])
  })
  await withServer(
    remoteMedia(),
    async ({ bmc, signal }) => {
      const { layout, findings } = await bmc.discover({ signal })
      expect(layout).toEqual({ kind: 'single-cd', maintenance: PATHS.slot })
      expect(findings.map(({ code }) => code)).not.toContain('remote-media-disabled')
    },
    { switchOnMedia: true },
  )
})

test('remote media that somebody else has just switched on is given the time that it needs, where that is allowed', async () => {
  for (const [switchOnMedia, found] of [
    [true, { kind: 'single-cd', maintenance: PATHS.slot }],
    [false, null],
  ] as const) {
    let looks = 0
    const handler = treeHandler(({ path }): RawAnswer | undefined => {
      const Oem = { Ami: { VirtualMedia: { RMediaStatus: 'Enabled' } } }
      if (path === PATHS.manager) return { body: { ...DOCUMENTS[PATHS.manager], Oem } }
      if (path !== PATHS.media || looks > 0) return undefined
      looks += 1
      return { body: { Members: [] } }
    })
    await withServer(
      handler,
      async ({ bmc, server, signal }) => {
        expect((await bmc.discover({ signal })).layout).toEqual(found)
        expect(writes(server.requests)).toEqual([])
      },
      { switchOnMedia },
    )
  }
})

test("a template gets the parts of the image's URL, at any depth, and nothing else", () => {
  expect(fill({ a: '{url}', b: { c: '{SCHEME} {folder} {file}', d: '{unknown}' } }, IMAGE)).toEqual({
    a: IMAGE,
    b: { c: 'HTTPS /t0ken-t0ken a.iso', d: '{unknown}' },
  })
})
