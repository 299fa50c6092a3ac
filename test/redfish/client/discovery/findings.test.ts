// The findings of the preflight for BMCs on which a job would fail: one each, with advice.
import { expect, test } from 'vitest'
import type { Finding } from '../../../../redfish/bmc.ts'
import { ADVICE } from '../../../../redfish/failure.ts'
import { DOCUMENTS, PATHS, type RawAnswer, treeHandler } from '../../rig/raw-server.ts'
import { withServer } from '../../rig/with-server.ts'

/** The findings of a BMC whose documents are replaced by these. */
async function findingsOf(own: Readonly<Record<string, RawAnswer>>): Promise<readonly Finding[]> {
  let found: readonly Finding[] = []
  await withServer(
    treeHandler(({ method, path }) => (method === 'GET' ? own[path] : undefined)),
    async ({ bmc, signal }) => {
      found = (await bmc.discover({ signal })).findings
    },
  )
  return found
}

const manager = (change: Record<string, unknown>): RawAnswer => ({ body: { ...DOCUMENTS[PATHS.manager], ...change } })
const system = (change: Record<string, unknown>): RawAnswer => ({ body: { ...DOCUMENTS[PATHS.system], ...change } })
const licence = (name: string) => manager({ Oem: { Hpe: { License: { LicenseString: name } } } })
const unlicensed: RawAnswer = {
  status: 403,
  body: { error: { '@Message.ExtendedInfo': [{ MessageId: 'SMC.1.0.OemLicenseNotPassed' }] } },
}

test.each([
  ['iLO Standard', true],
  ['iLO Advanced', false],
])('a BMC with the licence %s lacks one for virtual media: %s', async (name, lacks) => {
  const found = await findingsOf({ [PATHS.manager]: licence(name) })
  const advice = found.find(({ code }) => code === 'bmc-licence-missing')?.advice
  expect(advice).toBe(lacks ? ADVICE['bmc-licence-missing'] : undefined)
})

test('a BMC that refuses to show its media for want of a licence has that finding and no other about media', async () => {
  const found = await findingsOf({ [PATHS.media]: unlicensed })
  expect(found.filter(({ severity }) => severity === 'error').map(({ code }) => code)).toEqual(['bmc-licence-missing'])
})

test('a BMC that refuses to show its media for another reason is quoted', async () => {
  const refusal = { error: { '@Message.ExtendedInfo': [{ MessageId: 'iLO.2.14.VirtualMediaIsDisabled' }] } }
  const found = await findingsOf({ [PATHS.media]: { status: 400, body: refusal } })
  const finding = found.find(({ code }) => code === 'virtual-media-unreadable')
  expect(finding?.message).toContain('400 iLO.2.14.VirtualMediaIsDisabled')
  expect(finding?.advice).toBe(ADVICE['virtual-media-disabled'])
})

test.each([
  [true, true],
  [false, false],
])('Secure Boot that is %s is found: %s', async (enabled, expected) => {
  const secureBoot = `${PATHS.system}/SecureBoot`
  const found = await findingsOf({
    [PATHS.system]: system({ SecureBoot: { '@odata.id': secureBoot } }),
    [secureBoot]: { body: { SecureBootEnable: enabled } },
  })
  expect(found.some(({ code }) => code === 'secure-boot-on')).toBe(expected)
})

const reset = (...types: readonly string[]) =>
  system({ Actions: { '#ComputerSystem.Reset': { target: PATHS.reset, 'ResetType@Redfish.AllowableValues': types } } })
const boot = (own: Record<string, unknown>) => system({ Boot: { BootSourceOverrideTarget: 'None', ...own } })
const allowed = (property: string, ...values: readonly string[]) => ({
  [`${property}@Redfish.AllowableValues`]: values,
})

test.each([
  ['no reset at all', system({ Actions: {} }), ['no-reset']],
  ['resets that leave a host on that is on', reset('On', 'GracefulShutdown'), ['no-restart']],
  ['no reset that switches on', reset('ForceRestart', 'ForceOff'), ['no-power-on']],
  ['no reset that switches off', reset('On', 'ForceRestart'), ['no-power-off']],
  ['off and on instead of a restart', reset('On', 'ForceOff'), []],
  ['no boot target that is the CD', boot(allowed('BootSourceOverrideTarget', 'Pxe', 'Hdd')), ['no-cd-boot']],
  [
    'a boot override that stays',
    boot(allowed('BootSourceOverrideEnabled', 'Disabled', 'Continuous')),
    ['no-boot-once'],
  ],
  ['a boot override that may last', boot(allowed('BootSourceOverrideEnabled', 'Continuous', 'Once')), []],
  ['a boot mode that can be written', boot({ BootSourceOverrideMode: 'Legacy' }), []],
])('a BMC with %s is told of before a job needs it', async (_what, answer, codes) => {
  const found = (await findingsOf({ [PATHS.system]: answer })).map(({ code }) => code)
  expect(found.filter((code) => /^no-|^boot-mode/.test(code))).toEqual(codes)
})

test('a Dell host in legacy mode stays in it: writing the mode would make a BIOS job', async () => {
  const found = async (mode: string) => {
    const { body } = boot({ BootSourceOverrideMode: mode })
    const answer = { body: { ...(body as object), Manufacturer: 'Dell Inc.' } }
    const root = { body: { ...DOCUMENTS[PATHS.root], Vendor: 'Dell', Oem: { Dell: {} } } }
    return (await findingsOf({ [PATHS.root]: root, [PATHS.system]: answer })).map(({ code }) => code)
  }
  expect(await found('Legacy')).toContain('boot-mode-legacy')
  expect(await found('UEFI')).not.toContain('boot-mode-legacy')
})

test('an old iDRAC without the action that boots its virtual CD is told of before a job needs it', async () => {
  const root = { body: { ...DOCUMENTS[PATHS.root], Vendor: 'Dell', Oem: { Dell: {} } } }
  const found = async (actions: object) => {
    const idrac = manager({ Model: '13G Monolithic', FirmwareVersion: '2.41.40.40', Actions: { Oem: actions } })
    return (await findingsOf({ [PATHS.root]: root, [PATHS.manager]: idrac })).map(({ code }) => code)
  }
  expect(await found({})).toEqual(expect.arrayContaining(['cd-target-is-physical', 'no-boot-action']))
  const offered = await found({ 'OemManager.v1_0_0#OemManager.ImportSystemConfiguration': { target: '/x' } })
  expect(offered).toContain('cd-target-is-physical')
  expect(offered).not.toContain('no-boot-action')
})

test('an iRMC whose action takes no values has no media licence', async () => {
  const action = { target: '/x', 'FTSVirtualMediaAction@Redfish.AllowableValues': [] }
  const found = await findingsOf({
    [PATHS.system]: system({ Actions: { Oem: { '#FTSComputerSystem.VirtualMedia': action } } }),
  })
  expect(found.map(({ code }) => code)).toContain('bmc-licence-missing')
})

test('a Manager that the System does not name is searched where the named one has no media', async () => {
  const other = '/redfish/v1/Managers/BMC1'
  const link = (path: string) => ({ '@odata.id': path })
  const Managers = link('/redfish/v1/Managers')
  await withServer(
    treeHandler(({ path }) => {
      if (path === PATHS.root) return { body: { ...DOCUMENTS[PATHS.root], Managers } }
      if (path === Managers['@odata.id']) return { body: { Members: [link(PATHS.manager), link(other)] } }
      if (path === PATHS.manager)
        return { body: { Id: 'CIMC', VirtualMedia: link('/redfish/v1/Managers/CIMC/VirtualMedia') } }
      return path === other ? { body: { Id: 'BMC1', VirtualMedia: link(PATHS.media) } } : undefined
    }),
    async ({ bmc, signal }) => {
      const found = await bmc.discover({ signal })
      expect(found.layout).toEqual({ kind: 'single-cd', maintenance: PATHS.slot })
      expect(found.manager).toMatchObject({ id: 'BMC1', why: 'it alone has virtual media' })
    },
  )
})
