// The pure decisions of the client: no server, no clock.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ResetIntent } from '../../../redfish/bmc.ts'
import { NO_ERROR_BODY } from '../../../redfish/client/answers/error-body.ts'
import { etagOf, nextPrecondition } from '../../../redfish/client/answers/etag.ts'
import { failureOf, type Outcome, retryAfterOf, retryability } from '../../../redfish/client/answers/outcome.ts'
import type { Refusal } from '../../../redfish/client/answers/refusal.ts'
import { decideRetry, type Repeat } from '../../../redfish/client/answers/retry.ts'
import {
  bootOnce,
  CLEARED,
  cdTarget,
  isAlreadySet,
  isInForce,
  splitChange,
} from '../../../redfish/client/boot/override.ts'
import { firstInsertBody, type InsertBody, nextInsertBody } from '../../../redfish/client/media/insert-body.ts'
import { mediaState, showsImage } from '../../../redfish/client/media/slots.ts'
import { DEFAULT_RETRIES } from '../../../redfish/client/options.ts'
import {
  type HostLook,
  howResetShows,
  judgeReset,
  powerObservation,
  resetEvidence,
} from '../../../redfish/client/power/reset-evidence.ts'
import { knownResetTypes, restartSteps } from '../../../redfish/client/power/reset-types.ts'
import { DEFAULT_PROFILE } from '../../../redfish/client/quirks/profile.ts'
import { taskProgress } from '../../../redfish/client/service/tasks.ts'
import { chooseSystem } from '../../../redfish/client/system/locate.ts'
import { Fault } from '../../../redfish/client/wire/fault.ts'
import { isDeeperThan } from '../../../redfish/client/wire/json.ts'
import { rebaseLink } from '../../../redfish/client/wire/links.ts'
import { redactImage, redactSecrets } from '../../../redfish/client/wire/redaction.ts'
import { webUrl } from '../../rig/texts.ts'

const refusalOutcome = (
  status: number,
  messageId: string | null = null,
  retryAfterMs: number | null = null,
): Outcome => ({
  kind: 'refusal',
  status,
  retryAfterMs,
  error: { ...NO_ERROR_BODY, messageId },
})
const faultOutcome = (sent: boolean): Outcome => ({
  kind: 'fault',
  fault: new Fault({ kind: 'unreachable', retry: true, detail: 'ECONNREFUSED' }, { sent }),
})

describe('whether to try again', () => {
  test.each([
    [429, null, 'nothing-happened'],
    [503, null, 'nothing-happened'],
    [500, null, 'ambiguous'],
    [502, null, 'ambiguous'],
    [501, null, 'final'],
    [400, null, 'final'],
    [404, null, 'final'],
    [400, 'IDRAC.2.8.SYS518', 'nothing-happened'],
    [400, 'iLO.2.26.UnableToModifyDuringSystemPOST', 'nothing-happened'],
    [500, 'IDRAC.2.8.RAC0904', 'final'],
    [503, 'IDRAC.2.1.RAC0218', 'final'],
  ])('%i %s is %s', (status, messageId, expected) => {
    expect(retryability(refusalOutcome(status, messageId))).toBe(expected)
  })

  test('a reset is repeated only when the failed attempt provably did nothing', () => {
    const decide = (outcome: Outcome) =>
      decideRetry(outcome, { number: 1, repeat: 'if-nothing-happened', policy: DEFAULT_RETRIES, random: () => 0 }).kind
    expect(decide(faultOutcome(false))).toBe('again')
    expect(decide(faultOutcome(true))).toBe('give-up')
    expect(decide(refusalOutcome(500))).toBe('give-up')
    expect(decide(refusalOutcome(503))).toBe('again')
  })

  test('a guarded write is looked at before it is repeated, even after the last attempt', () => {
    const last = { number: 5, repeat: 'after-look', policy: DEFAULT_RETRIES, random: () => 0 } as const
    expect(decideRetry(faultOutcome(true), last)).toMatchObject({ kind: 'look', again: false })
    expect(decideRetry(faultOutcome(true), { ...last, number: 4 })).toMatchObject({ kind: 'look', again: true })
    expect(decideRetry(faultOutcome(false), { ...last, number: 1 })).toMatchObject({ kind: 'again' })
  })

  test('pauses stay below the doubled ceiling, honour Retry-After, and end at the last attempt', () => {
    const repeat = fc.constantFrom<Repeat>('always', 'after-look', 'if-nothing-happened')
    const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    const asked = fc.option(fc.nat({ max: 1_000_000 }))
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), repeat, chance, asked, (number, kind, random, retryAfterMs) => {
        const policy = DEFAULT_RETRIES
        const outcome = refusalOutcome(503, null, retryAfterMs)
        const decision = decideRetry(outcome, { number, repeat: kind, policy, random: () => random })
        if (decision.kind === 'give-up') return number >= policy.attemptsMax
        const floor = Math.min(retryAfterMs ?? 0, policy.retryAfterMaxMs)
        const ceiling = Math.min(policy.delayMaxMs, policy.delayMinMs * 2 ** (number - 1))
        const bounded = decision.delayMs >= floor && decision.delayMs <= Math.max(floor, ceiling)
        return bounded && (decision.kind === 'look' || number < policy.attemptsMax)
      }),
    )
  })

  test('Retry-After is seconds or an HTTP date', () => {
    const now = Date.parse('Wed, 21 Oct 2026 07:28:00 GMT')
    expect(retryAfterOf('7', now)).toBe(7_000)
    expect(retryAfterOf('Wed, 21 Oct 2026 07:28:30 GMT', now)).toBe(30_000)
    expect(retryAfterOf('Wed, 21 Oct 2026 07:00:00 GMT', now)).toBe(0)
    expect(retryAfterOf('soon', now)).toBeNull()
    expect(retryAfterOf('-1', now)).toBeNull()
    expect(retryAfterOf(undefined, now)).toBeNull()
  })

  test('a retriable refusal becomes busy, a final one refused', () => {
    expect(failureOf(refusalOutcome(500))).toEqual({ kind: 'busy', retry: true, status: 500 })
    expect(failureOf(refusalOutcome(403, 'SMC.1.0.OemLicenseNotPassed'))).toMatchObject({
      kind: 'refused',
      retry: false,
    })
    expect(failureOf(refusalOutcome(401))).toEqual({ kind: 'unauthorized', retry: false, status: 401 })
  })
})

describe('links', () => {
  const base = { origin: 'https://bmc.example:8443' }
  test.each([
    ['/redfish/v1/Systems/1', '/redfish/v1/Systems/1'],
    ['/redfish/v1/Systems/1/', '/redfish/v1/Systems/1/'],
    ['https://BMC.example/redfish/v1/x?y=1#z', '/redfish/v1/x?y=1'],
    ['/a/../redfish/v1', '/redfish/v1'],
  ])('%s becomes %s', (link, path) => {
    expect(rebaseLink(link, base)).toEqual({ ok: true, path })
  })
  test.each([
    '//evil.example/x',
    'https://evil.example/redfish',
    'file:///etc/passwd',
    'https://bmc.example@evil/x',
    '\\\\evil\\x',
  ])('%s is refused', (link) => {
    expect(rebaseLink(link, base).ok).toBe(false)
  })
  test('no string leads off the configured origin', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), webUrl()), (link) => {
        const rebased = rebaseLink(link, base)
        return !rebased.ok || new URL(base.origin + rebased.path).origin === base.origin
      }),
    )
  })
})

test('nesting is counted outside of strings only', () => {
  expect(isDeeperThan('{"a":"[[[[[["}', 2)).toBe(false)
  expect(isDeeperThan('{"a\\"[[[":[1]}', 2)).toBe(false)
  expect(isDeeperThan('[[[1]]]', 2)).toBe(true)
})

describe('redaction', () => {
  test('no message that repeats the image URL in some form keeps its token', () => {
    const token = fc.stringMatching(/^[A-Za-z0-9_-]{16,40}$/)
    const form = fc.constantFrom(
      (url: URL) => url.href,
      (url: URL) => url.pathname,
      (url: URL) => url.href.slice(0, -3),
      (url: URL) => url.href.toUpperCase(),
      (url: URL) => `"${url.href}"`,
    )
    fc.assert(
      fc.property(token, form, (secret, write) => {
        const url = new URL(`http://10.1.2.3:8080/media/${secret}/task.iso`)
        return !redactImage(url.href)(`cannot read ${write(url)} now`)
          .toLowerCase()
          .includes(secret.toLowerCase())
      }),
    )
  })
  test('secrets go whatever their letter case, and nothing else', () => {
    expect(redactSecrets(['S3cret', ''])('user root s3CRET failed')).toBe('user root <secret> failed')
  })
})

describe('entity tags', () => {
  test.each([
    ['W/"14700DD6"', 'W/"14700DD6"'],
    ['""abc""', '"abc"'],
    ['""', null],
    ['', null],
    ['"a\nb"', null],
  ])('%j is sent as %j', (header, expected) => {
    expect(etagOf({ header, doc: {} })).toBe(expected)
  })
  test('a 412 is answered by reading again, then the strong form, then no tag, then not at all', () => {
    const tag = 'W/"1"'
    const next = (preconditions: readonly (string | null)[]) =>
      nextPrecondition({ status: 412 }, { tag, preconditions })
    expect(next([tag])).toEqual({ kind: 'refresh' })
    expect(next([tag, tag])).toEqual({ kind: 'use', precondition: '"1"' })
    expect(next([tag, tag, '"1"'])).toEqual({ kind: 'use', precondition: null })
    expect(next([tag, tag, '"1"', null])).toBeNull()
  })
  test('a 428 is answered with the star, once', () => {
    expect(nextPrecondition({ status: 428 }, { tag: null, preconditions: [null] })).toEqual({
      kind: 'use',
      precondition: '*',
    })
    expect(nextPrecondition({ status: 428 }, { tag: null, preconditions: [null, '*'] })).toBeNull()
  })
})

describe('the insert ladder', () => {
  const image = 'https://media.example/t/a.iso'
  const refusal = (change: Partial<Refusal>): Refusal => ({
    kind: 'refused',
    retry: false,
    status: 400,
    related: [],
    ...change,
  })
  const full = firstInsertBody(image, DEFAULT_PROFILE)

  test('a property that is not known is left out', () => {
    const unknown = refusal({ messageId: 'Base.v1_4_0.PropertyUnknown', related: ['Inserted'] })
    expect(nextInsertBody(image, unknown, [full])).toEqual({ Image: image, WriteProtected: true })
  })
  test('a property that is missing is added, also when only the text names it', () => {
    const missing = refusal({
      messageId: 'Base.1.4.0.GeneralError',
      message:
        "'TransferProtocolType' property which is mandatory to complete the action is missing in the request body.",
    })
    expect(nextInsertBody(image, missing, [full])).toEqual({ ...full, TransferProtocolType: 'HTTPS' })
  })
  test('credentials go together', () => {
    const missing = refusal({ messageId: 'Base.1.12.ActionParameterMissing', related: ['UserName', 'Password'] })
    expect(nextInsertBody(image, missing, [full])).toMatchObject({ UserName: 'none', Password: 'none' })
  })
  test('firmware that wants the word URI gets it', () => {
    const tried = { ...full, TransferProtocolType: 'HTTPS' }
    const wrong = refusal({ messageId: 'Base.1.8.ActionParameterValueNotInList', related: ['TransferProtocolType'] })
    expect(nextInsertBody(image, wrong, [full, tried])).toMatchObject({ TransferProtocolType: 'URI' })
  })
  test('a refusal that is about the image is final', () => {
    expect(nextInsertBody(image, refusal({ messageId: 'IDRAC.2.8.RAC0720', related: ['Image'] }), [full])).toBeNull()
    expect(nextInsertBody(image, refusal({ messageId: 'iLO.2.14.LicenseKeyRequired' }), [full])).toBeNull()
  })
  test('whatever the BMC says, no body is tried twice and the ladder ends', () => {
    const properties = [
      'TransferProtocolType',
      'TransferMethod',
      'UserName',
      'Password',
      'Inserted',
      'WriteProtected',
      'Boot',
    ]
    const answers = fc.array(
      fc.record({ related: fc.subarray(properties), status: fc.constantFrom(400, 415, 422, 500) }),
      { minLength: 12, maxLength: 12 },
    )
    fc.assert(
      fc.property(answers, (refusals) => {
        const tried: InsertBody[] = [full]
        for (const answer of refusals) {
          const next = nextInsertBody(image, refusal(answer), tried)
          if (next === null) break
          tried.push(next)
        }
        const distinct = new Set(tried.map((body) => JSON.stringify(Object.entries(body).sort())))
        return distinct.size === tried.length && tried.length <= 8 && tried.every((body) => body['Image'] === image)
      }),
    )
  })
})

describe('slots', () => {
  test("AMI's word None and Supermicro's leftover image are empty", () => {
    expect(mediaState({ Inserted: false, Image: 'None' }, DEFAULT_PROFILE)).toMatchObject({
      inserted: false,
      image: null,
    })
    const leftover = { Inserted: true, Image: 'http://a/b.iso', ConnectedVia: 'NotConnected' }
    expect(mediaState(leftover, { emptyWhenNotConnected: true }).inserted).toBe(false)
    expect(mediaState(leftover, { emptyWhenNotConnected: false }).inserted).toBe(true)
  })
  test.each([
    ['http://A.example/t/a.iso?x=1', true],
    ['a.iso', true],
    ['\\share\\a.iso', true],
    [null, true],
    ['http://a.example/other/a.iso', false],
    ['http://b.example/t/a.iso', false],
  ])('a slot that shows %s has our image: %s', (image, expected) => {
    expect(showsImage({ inserted: true, image, connectedVia: null }, 'http://a.example/t/a.iso')).toBe(expected)
    expect(showsImage({ inserted: false, image, connectedVia: null }, 'http://a.example/t/a.iso')).toBe(false)
  })
})

describe('the boot override', () => {
  const system = {
    BootSourceOverrideEnabled: 'Disabled',
    BootSourceOverrideTarget: 'None',
    BootSourceOverrideMode: 'Legacy',
  }
  const boot = { system, settings: null }
  test('the mode goes along as the profile says', () => {
    expect(bootOnce(boot, 'Cd', { bootMode: 'uefi' }).mode).toBe('UEFI')
    expect(bootOnce(boot, 'Cd', { bootMode: 'if-same' }).mode).toBeNull()
    expect(bootOnce({ system: {}, settings: null }, 'Cd', { bootMode: 'uefi' }).mode).toBeNull()
  })
  test('properties that the settings object has are written there, the rest on the System', () => {
    const settings = { BootSourceOverrideMode: 'Legacy' }
    expect(splitChange({ system, settings }, { enabled: 'Once', target: 'Cd', mode: 'UEFI' }, null)).toEqual({
      settings: { BootSourceOverrideMode: 'UEFI' },
      system: { BootSourceOverrideEnabled: 'Once', BootSourceOverrideTarget: 'Cd' },
    })
  })
  test('settings that would get nothing but the mode that they have are not written', () => {
    const settings = { BootSourceOverrideMode: 'UEFI' }
    expect(splitChange({ system, settings }, { enabled: 'Once', target: 'Cd', mode: 'UEFI' }, null)).toEqual({
      settings: null,
      system: { BootSourceOverrideEnabled: 'Once', BootSourceOverrideTarget: 'Cd' },
    })
  })
  test('settings that still read Once after they were used up are written again', () => {
    const change = { enabled: 'Once', target: 'Cd', mode: null } as const
    const pending = { BootSourceOverrideEnabled: 'Once', BootSourceOverrideTarget: 'Cd' }
    expect(isAlreadySet({ system, settings: pending }, change)).toBe(false)
    expect(isAlreadySet({ system: pending, settings: pending }, change)).toBe(true)
  })
  test('Once with target None is no override', () => {
    expect(isInForce({ enabled: 'Once', target: 'None', mode: null }, CLEARED)).toBe(true)
  })
  test('the target is the first that the profile prefers and the BMC allows', () => {
    expect(cdTarget(['None', 'Cd', 'UsbCd'], { cdTargets: ['UsbCd', 'Cd'] })).toBe('UsbCd')
    expect(cdTarget(['None', 'Pxe'], DEFAULT_PROFILE)).toBeNull()
    expect(cdTarget([], DEFAULT_PROFILE)).toBe('Cd')
  })
})

describe('resets', () => {
  const look = (power: Partial<HostLook['power']>, override: Partial<HostLook['override']> = {}): HostLook => ({
    power: { powerState: 'On', lastResetTime: null, bootProgress: null, ...power },
    override: { enabled: 'Disabled', target: 'None', mode: null, ...override },
  })

  test.each([
    ['power that went off', look({}), look({ powerState: 'Off' }), 'power-state'],
    [
      'a new reset time',
      look({ lastResetTime: '2026-01-01' }),
      look({ lastResetTime: '2026-01-02' }),
      'last-reset-time',
    ],
    ['progress that went back', look({ bootProgress: 'OSRunning' }), look({ bootProgress: 'None' }), 'boot-progress'],
    ['an override that was used up', look({}, { enabled: 'Once', target: 'Cd' }), look({}), 'override-consumed'],
    ['nothing', look({ bootProgress: 'None' }), look({ bootProgress: 'OSRunning' }), null],
    ['an idle iDRAC8', look({}, { enabled: 'Once', target: 'None' }), look({}), null],
    ['a BMC that does not know', look({}), look({ powerState: 'Unknown' }), null],
  ])('%s', (_, before, now, evidence) => {
    expect(resetEvidence(before, now)).toBe(evidence)
  })

  test.each(['0000-00-00T00:00:00+00:00', '1970-01-01T00:00:00+00:00', 'yesterday', 7])(
    '%j is no reset time',
    (time) => {
      expect(powerObservation({ PowerState: 'On', LastResetTime: time }, DEFAULT_PROFILE)?.lastResetTime).toBeNull()
    },
  )

  test('a null power state is unknown, a number is nonsense', () => {
    expect(powerObservation({ PowerState: null }, DEFAULT_PROFILE)?.powerState).toBe('Unknown')
    expect(powerObservation({ PowerState: 1 }, DEFAULT_PROFILE)).toBeNull()
  })

  test('a restart without any trace is neither proven nor disproven', () => {
    const intent: ResetIntent = {
      resetType: 'ForceRestart',
      reason: '',
      before: look({}).power,
      overrideBefore: look({}).override,
    }
    expect(judgeReset(intent, look({})).happened).toBe('unknown')
    expect(howResetShows(look({}))).toBe('never')
    expect(howResetShows(look({ bootProgress: 'SystemHardwareInitializationComplete' }))).toBe('never')
    expect(howResetShows(look({ bootProgress: 'OSRunning' }))).toBe('soon')
    expect(judgeReset({ ...intent, resetType: 'ForceOff' }, look({})).happened).toBe('no')
  })

  test('names that ran together offer neither reset', () => {
    expect(knownResetTypes(['On', 'ForceOff', 'GracefulShutdownGracefulRestart', 'ForceRestart'])).toEqual([
      'On',
      'ForceRestart',
      'ForceOff',
    ])
  })

  test('the steps of a restart are those that the BMC offers, in order', () => {
    expect(restartSteps(['On', 'ForceOff', 'ForceRestart'])).toEqual(['ForceRestart', 'off-and-on'])
    expect(restartSteps(['PowerCycle', 'GracefulRestart'])).toEqual(['GracefulRestart', 'PowerCycle'])
    expect(restartSteps(['On'])).toEqual([])
  })
})

describe('which System', () => {
  const system = (id: string, resettable: boolean, serial = id) => ({
    path: `/redfish/v1/Systems/${id}`,
    doc: { Id: id, SerialNumber: serial, Actions: resettable ? { '#ComputerSystem.Reset': { target: '/x' } } : {} },
  })
  test('a board that cannot be reset is passed over', () => {
    const choice = chooseSystem([system('HGX', false), system('System_0', true)], {})
    expect(choice).toMatchObject({ kind: 'one', system: { doc: { Id: 'System_0' } } })
  })
  test('of several the serial number decides, and without one nothing is guessed', () => {
    const blades = [system('1', true, 'AAA'), system('2', true, 'BBB')]
    expect(chooseSystem(blades, { serial: 'bbb' })).toMatchObject({ kind: 'one', system: { doc: { Id: '2' } } })
    expect(chooseSystem(blades, {}).kind).toBe('none')
    expect(chooseSystem(blades, { systemId: '1' })).toMatchObject({ kind: 'one', system: { doc: { Id: '1' } } })
    expect(chooseSystem(blades, { systemId: '3' }).kind).toBe('none')
  })
})

test('a task is judged by its state, a monitor without one by its status', () => {
  expect(taskProgress({ status: 202, doc: {} }).kind).toBe('running')
  expect(taskProgress({ status: 200, doc: {} }).kind).toBe('done')
  expect(taskProgress({ status: 200, doc: { TaskState: 'Running' } }).kind).toBe('running')
  expect(taskProgress({ status: 200, doc: { TaskState: 'Exception' } }).kind).toBe('failed')
  expect(taskProgress({ status: 200, doc: { TaskState: 'Completed', TaskStatus: 'Critical' } }).kind).toBe('failed')
})
