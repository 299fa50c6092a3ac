// The errors of the profiles beside errors of real BMCs: the same status, the same message, the same shape of body.
import { afterEach, expect, test } from 'vitest'
import type { ProfileName } from '../../../../redfish/simulator/profiles/catalogue.ts'
import { fixturesMissing, recordedErrors } from '../../rig/fixtures.ts'
import { type Answer, call } from '../rig/caller.ts'
import { image, otherImage, type ProfileRig, says, startProfile } from '../rig/profile-rig.ts'

if (fixturesMissing !== null) process.stderr.write(`profiles/errors.test.ts is skipped: ${fixturesMissing}\n`)

type Provoked = readonly [
  name: string,
  profile: ProfileName,
  provoke: (rig: ProfileRig) => Promise<Answer>,
  options?: { readonly powerState?: 'On'; readonly mood?: number },
]

const post = (rig: ProfileRig, slot: string, action: 'InsertMedia' | 'EjectMedia', body: unknown) =>
  rig.post(`${slot}/Actions/VirtualMedia.${action}`, body)
const systemSlot = (rig: ProfileRig, name: string) => `${rig.system}/VirtualMedia/${name}`
const managerSlot = (rig: ProfileRig, name: string) => `${rig.manager}/VirtualMedia/${name}`
const insert = (rig: ProfileRig, slot: string, body: unknown = { Image: image }) => post(rig, slot, 'InsertMedia', body)
const inTurn = async (...acts: readonly (() => Promise<Answer>)[]): Promise<Answer> => {
  let last: Answer | null = null
  for (const act of acts) last = await act()
  if (last === null) throw new Error('nothing was done')
  return last
}
/** Without OData-Version, as the old documents were captured. */
const oldShape = (rig: ProfileRig, path: string, body: unknown) => call(rig.bmc, path, { method: 'POST', body })

const provoked: readonly Provoked[] = [
  ['idrac/400-authorization-header-present-SYS468', 'idrac9', (rig) => rig.logIn({ authorization: 'Basic eDp5' })],
  ['idrac/400-insertmedia-RAC0720-cannot-locate', 'idrac9', (rig) => insert(rig, systemSlot(rig, '1')), { mood: 0.02 }],
  ['idrac/400-reset-gracefulrestart-not-in-list', 'idrac9', (rig) => rig.reset('ForceOn')],
  [
    'idrac/400-vrm0021-in-use',
    'idrac9-old',
    (rig) =>
      inTurn(
        () => insert(rig, managerSlot(rig, 'CD')),
        () => insert(rig, managerSlot(rig, 'RemovableDisk'), { Image: image.replace('.iso', '.img') }),
      ),
  ],
  ['idrac/409-reset-on-PSU501', 'idrac9', (rig) => rig.reset('On'), { powerState: 'On' }],
  ['idrac/500-eject-nothing-inserted', 'idrac9', (rig) => post(rig, systemSlot(rig, '1'), 'EjectMedia', {})],
  ['idrac/500-insertmedia-RAC0904-unreachable', 'idrac9', (rig) => insert(rig, managerSlot(rig, 'CD'))],
  ['idrac/503-session-limit-RAC0218', 'idrac9', (rig) => inTurn(...Array.from({ length: 8 }, () => () => rig.logIn()))],
  ['idrac/idrac10-400-patch-boot-read-only', 'idrac10', (rig) => rig.boot()],
  ['ilo/200-success-as-error-body', 'ilo6', (rig) => insert(rig, managerSlot(rig, '2'))],
  ['ilo/400-eject-no-connection', 'ilo6', (rig) => post(rig, managerSlot(rig, '2'), 'EjectMedia', {})],
  [
    'ilo/400-max-virtual-media',
    'ilo6',
    (rig) =>
      inTurn(
        () => insert(rig, managerSlot(rig, '2')),
        () => insert(rig, managerSlot(rig, '2'), { Image: otherImage }),
      ),
  ],
  ['ilo/400-invalid-operation-for-system-state', 'ilo6', (rig) => rig.reset('On'), { powerState: 'On' }],
  ['ilo/401-no-valid-session', 'ilo6', (rig) => call(rig.bmc, '/redfish/v1/Systems', { headers: {} })],
  ['ilo/404-resource-missing', 'ilo6', (rig) => rig.get('/redfish/v1/Chassis/DE00A000')],
  ['ilo/415-ext-info-is-object', 'ilo6', (rig) => rig.post(`${managerSlot(rig, '2')}/Actions/VirtualMedia.EjectMedia`)],
  [
    'ilo/reset-in-progress',
    'ilo6',
    (rig) =>
      inTurn(
        () => rig.reset('On'),
        () => rig.reset('ForceRestart'),
      ),
  ],
  [
    'ilo/ilo4-400-patch-inserted-unknown',
    'ilo4',
    (rig) => rig.patch(managerSlot(rig, '2'), { Image: image, Inserted: true }),
  ],
  [
    'ilo/ilo4-400-reset-power-is-off',
    'ilo4',
    (rig) => oldShape(rig, `${rig.system}/Actions/ComputerSystem.Reset`, { ResetType: 'ForceRestart' }),
  ],
  [
    'ilo/ilo4-200-success',
    'ilo4',
    (rig) => oldShape(rig, `${rig.system}/Actions/ComputerSystem.Reset`, { ResetType: 'On' }),
  ],
  ['xcc/412-etag-mismatch', 'xcc', (rig) => rig.patch(rig.system, { Boot: {} }, '"0"')],
  ['supermicro/200-success-capital', 'supermicro-x11', (rig) => rig.patch(`${rig.manager}/VM1/CfgCD`, { Path: '/x' })],
  [
    'supermicro/400-boot-mode-not-in-list',
    'supermicro-x11',
    (rig) => rig.patch(rig.system, { Boot: { BootSourceOverrideMode: 'UEFI' } }),
  ],
  [
    'supermicro/401-resource-uri-unauthorized',
    'supermicro-x13',
    (rig) => call(rig.bmc, '/redfish/v1/Chassis', { headers: {} }),
  ],
  [
    'ami-megarac/400-transferprotocoltype-missing-base15',
    'ami',
    (rig) =>
      inTurn(
        () => rig.post(`${rig.manager}/Actions/Oem/Ami/VirtualMedia.EnableRMedia`, { RMediaState: 'Enable' }),
        async () => {
          await rig.clock.advance(10_000)
          return insert(rig, managerSlot(rig, 'CD1'))
        },
      ),
  ],
  ['ami-megarac/428-precondition-header-missing', 'ami', (rig) => rig.patch(rig.system, { Boot: {} }, null)],
  ['openbmc/400-reset-parameter-unknown', 'openbmc', (rig) => rig.reset('Kick')],
  ['openbmc/404-resource-not-found', 'openbmc', (rig) => rig.get(`${rig.system}/Zones`)],
  [
    'fujitsu-irmc/400-action-parameter-missing-9.69',
    'irmc',
    (rig) => rig.post(`${rig.system}/Actions/Oem/FTSComputerSystem.VirtualMedia`, { VirtualMediaAction: 'ConnectCD' }),
  ],
  ['sushy-tools/404-post-session', 'sushy-tools', (rig) => rig.logIn()],
  ['sushy-tools/405-method-not-allowed', 'sushy-tools', (rig) => rig.post(rig.system, {})],
  ['sushy-tools/501-reset-powercycle', 'sushy-tools', (rig) => rig.reset('PowerCycle')],
  [
    'sushy-tools/400-insert-user-without-password',
    'sushy-tools',
    (rig) => insert(rig, systemSlot(rig, 'Cd'), { Image: image, UserName: 'u' }),
  ],
]

let rig: ProfileRig | null = null
afterEach(async () => {
  await rig?.close()
  rig = null
})

/** Property names with the types of their values; the members of an array as one, arguments and pointers left out. */
function shapeOf(body: unknown): readonly string[] {
  const found = new Set<string>()
  const visit = (value: unknown, path: string): void => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [name, member] of Object.entries(value)) {
        // Whether a message names arguments and properties depends on the message, not on the vendor.
        if (/^(MessageArgs|RelatedProperties|MessageSeverity)/.test(name)) continue
        visit(member, `${path}/${name}`)
      }
      return
    }
    if (Array.isArray(value)) for (const member of value) visit(member, `${path}[]`)
    else found.add(`${path} ${typeof value}`)
  }
  visit(body, '')
  return [...found].toSorted()
}

const keyOf = (said: string): string => said.split('.').at(-1) ?? said
const key = (body: unknown): string => keyOf(says({ status: 0, headers: new Headers(), body: Object(body) }))

const cases = provoked.map(([name, profile, provoke, options = {}]) => ({ name, profile, provoke, options }))

test.skipIf(fixturesMissing !== null).each(cases)(
  '$name is how the profile $profile says it',
  async ({ name, profile, provoke, options }) => {
    const recorded = recordedErrors().find((error) => error.name === `${name}.json`)
    if (recorded === undefined) throw new Error(`there is no recorded ${name}`)
    rig = await startProfile(profile, options)
    const answer = await provoke(rig)
    if (recorded.status !== null) expect(answer.status).toBe(recorded.status)
    expect(key(answer.body)).toBe(key(recorded.body))
    expect(shapeOf(answer.body)).toEqual(shapeOf(recorded.body))
  },
)

test('the comparison notices a name, a type and a level that are not there', () => {
  const real = { error: { code: 'x', '@Message.ExtendedInfo': [{ MessageId: 'y' }] } }
  expect(shapeOf({ error: { code: 'x', '@Message.ExtendedInfo': { MessageId: 'y' } } })).not.toEqual(shapeOf(real))
  expect(shapeOf({ error: { code: 1, '@Message.ExtendedInfo': [{ MessageId: 'y' }] } })).not.toEqual(shapeOf(real))
  expect(shapeOf({ error: { code: 'x', '@Message.ExtendedInfo': [{ MessageID: 'y' }] } })).not.toEqual(shapeOf(real))
})
