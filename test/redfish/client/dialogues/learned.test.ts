// The next client tries the lessons of an earlier one first, and forgets a lesson that the BMC refuses.
import { expect, test } from 'vitest'
import type { Learned } from '../../../../redfish/learned.ts'
import { DOCUMENTS, PATHS, type RawAnswer, type RawRequest, treeHandler } from '../../rig/raw-server.ts'
import { withServer } from '../../rig/with-server.ts'

const HTTP_IMAGE = 'http://media.example/t0ken-t0ken/a.iso'
const HTTPS_IMAGE = 'https://media.example/t0ken-t0ken/b.iso'
const TYPES = 'ResetType@Redfish.AllowableValues'

const bodyOf = (request: RawRequest): Record<string, unknown> => Object.fromEntries(Object.entries(request.body ?? {}))
const refused = (status: number, id: string, property: string): RawAnswer => ({
  status,
  body: { error: { '@Message.ExtendedInfo': [{ MessageId: id, RelatedProperties: [`#/${property}`] }] } },
})

/** A BMC that demands one more property of an insert, refuses a boot mode, and one of its own reset types. */
function demanding(demands: string) {
  let image: unknown = null
  let boot: unknown = DOCUMENTS[PATHS.system]?.['Boot']
  let resetTime = '2026-01-01T00:00:00Z'
  const settings = `${PATHS.system}/Settings`
  return treeHandler((request) => {
    const { path, method } = request
    if (path === PATHS.slot) return { body: { ...DOCUMENTS[PATHS.slot], Image: image, Inserted: image !== null } }
    if (path === PATHS.insert) {
      if (!(demands in bodyOf(request))) return refused(400, 'Base.1.12.ActionParameterMissing', demands)
      image = bodyOf(request)['Image']
      return { status: 204 }
    }
    if (path === PATHS.eject) {
      image = null
      return { status: 204 }
    }
    if (path === PATHS.reset) {
      if (bodyOf(request)['ResetType'] === 'GracefulRestart') return refused(400, 'IDRAC.1.6.SYS426', 'ResetType')
      resetTime = '2026-01-01T00:05:00Z'
      return { status: 204 }
    }
    if (path === settings) {
      if (method === 'GET') return { body: { Boot: boot } }
      if (request.headers['if-match'] === undefined) return { status: 428, body: {} }
      if (JSON.stringify(request.body).includes('UEFI')) {
        return refused(400, 'Base.1.0.0.PropertyValueNotInList', 'Boot/BootSourceOverrideMode')
      }
      boot = bodyOf(request)['Boot']
      return { status: 204 }
    }
    if (path !== PATHS.system) return undefined
    const action = { target: PATHS.reset, [TYPES]: ['GracefulRestart', 'ForceRestart'] }
    const document = {
      ...DOCUMENTS[PATHS.system],
      '@Redfish.Settings': { SettingsObject: { '@odata.id': settings } },
      Actions: { '#ComputerSystem.Reset': action },
      LastResetTime: resetTime,
    }
    return { body: document }
  })
}

/** The lessons of a client that does a whole boot from media, and the number of its writes. */
async function work(handler: ReturnType<typeof demanding>, image: string, learned?: Learned) {
  const result: { writes: number; learned: Learned; inserted: unknown } = { writes: 0, learned: {}, inserted: null }
  await withServer(
    handler,
    async ({ bmc, server, signal }) => {
      await bmc.insertMedia({ slot: PATHS.slot, image }, { signal })
      await bmc.setBootOnceFromCd({ signal })
      result.learned = (await bmc.restart({ signal, onIntent: async () => {} })).learned
      const writes = server.requests.filter(({ method, path }) => method !== 'GET' && path !== PATHS.sessions)
      result.writes = writes.length
      result.inserted = writes.find(({ path }) => path === PATHS.insert)?.body
    },
    learned === undefined ? {} : { learned },
  )
  return result
}

test('the second client needs one request each for insert, boot and reset', async () => {
  const first = await work(demanding('TransferProtocolType'), HTTP_IMAGE)
  expect(first.learned).toMatchObject({
    insert: { method: 'POST', with: { Inserted: true, WriteProtected: true, TransferProtocolType: '{SCHEME}' } },
    boot: { allInSettings: false, withoutMode: true },
    resetsRefused: ['GracefulRestart'],
    wantsPrecondition: true,
  })
  expect(JSON.parse(JSON.stringify(first.learned))).toEqual(first.learned)
  const second = await work(demanding('TransferProtocolType'), HTTPS_IMAGE, first.learned)
  expect(second.writes).toBe(3)
  expect(first.writes).toBeGreaterThan(second.writes)
  expect(second.inserted).toMatchObject({ Image: HTTPS_IMAGE, TransferProtocolType: 'HTTPS' })
  expect(second.learned).toEqual(first.learned)
})

test('a lesson that is refused is replaced by what works now', async () => {
  const { learned } = await work(demanding('TransferProtocolType'), HTTP_IMAGE)
  const later = await work(demanding('TransferMethod'), HTTP_IMAGE, learned)
  expect(later.learned.insert?.with).toMatchObject({ TransferMethod: 'Stream' })
})

test('nothing that was learned holds the image', async () => {
  const { learned } = await work(demanding('UserName'), HTTP_IMAGE)
  expect(JSON.stringify(learned)).not.toContain('t0ken')
})

test('where a slot is emptied is learned of the last four slots that were worked on, and no more', async () => {
  const slots = Array.from({ length: 6 }, (_, index) => `${PATHS.media}/CD${index + 1}`)
  const ejectOf = (slot: string) => `${slot}/Actions/VirtualMedia.EjectMedia`
  const inserted = new Set(slots)
  let learned: Learned = {}
  const handler = treeHandler(({ method, path }): RawAnswer | undefined => {
    const slot = slots.find((one) => path === one || path === ejectOf(one))
    if (slot === undefined) return undefined
    if (method === 'POST') {
      inserted.delete(slot)
      return { status: 204 }
    }
    const Actions = { '#VirtualMedia.EjectMedia': { target: ejectOf(slot) } }
    return { body: { ...DOCUMENTS[PATHS.slot], Inserted: inserted.has(slot), Actions } }
  })
  await withServer(handler, async ({ bmc, signal }) => {
    for (const slot of [...slots, slots[3] ?? '']) learned = (await bmc.ejectMedia({ slot }, { signal })).learned
  })
  const last = [slots[2], slots[4], slots[5], slots[3]].map((slot) => slot ?? '')
  expect(learned.ejects).toEqual(Object.fromEntries(last.map((slot) => [slot, ejectOf(slot)])))
})
