/**
 * What every `Bmc` promises, as tests: run on the http client against a simulated BMC and on the noop client. The
 * failures, which need a BMC that can be made to fail, are the second half and run where a `FailingBmc` is given.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Bmc, MediaLayout, ResetIntent } from '../../redfish/bmc.ts'
import { BmcError, type BmcFailure } from '../../redfish/failure.ts'

export type BmcUnderTest = {
  readonly bmc: Bmc
  readonly serial: string
  close(): Promise<void>
}

/** One fault of the BMC; `drop` closes the connection before or after the request took effect. */
export type ContractFault = {
  readonly method?: string
  readonly path?: RegExp
  readonly times?: number
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: { readonly error: { readonly '@Message.ExtendedInfo': readonly { readonly MessageId: string }[] } }
  readonly delayMs?: number
  readonly drop?: 'before' | 'after'
}

export type FailingBmc = BmcUnderTest & {
  readonly password: string
  fault(fault: ContractFault): void
  /** A client of the same BMC with another password. */
  withPassword(password: string): Bmc
  /** Ends every session on the BMC, as its restart does. */
  endSessions(): Promise<void>
  readonly sessions: () => number
  readonly requests: () => readonly { readonly method: string; readonly path: string }[]
  readonly resets: () => readonly string[]
  /** Makes the BMC unreachable. */
  stop(): Promise<void>
}

const TOKEN = 'tok3n0123456789abcdef'
const IMAGE = `http://127.0.0.1:9/media/${TOKEN}/maintenance.iso`
const OTHER_IMAGE = `http://127.0.0.1:9/media/${TOKEN}/task.iso`

const options = () => ({ signal: AbortSignal.timeout(10_000) })
const unannounced = async () => {}

async function layoutOf(bmc: Bmc): Promise<Extract<MediaLayout, { kind: 'two-cds' }>> {
  const { layout } = await bmc.discover(options())
  if (layout?.kind !== 'two-cds') throw new Error(`the contract wants two CD slots, not ${layout?.kind}`)
  return layout
}

/** The failure that a call rejects with; every rejection has to be a `BmcError`. */
export async function failureOf(call: Promise<unknown>): Promise<BmcFailure> {
  return (await errorOf(call)).failure
}

export async function errorOf(call: Promise<unknown>): Promise<BmcError> {
  const outcome = await call.then(
    () => null,
    (error: unknown) => error,
  )
  if (outcome instanceof BmcError) return outcome
  throw new Error(outcome === null ? 'the call was to fail and did not' : `not a BmcError: ${String(outcome)}`)
}

export function describeBmc(
  name: string,
  setups: { readonly working: () => Promise<BmcUnderTest>; readonly failing?: () => Promise<FailingBmc> },
): void {
  describe(name, () => {
    describeOperations(setups.working)
    if (setups.failing !== undefined) describeFailures(setups.failing)
  })
}

function describeOperations(setup: () => Promise<BmcUnderTest>): void {
  let under: BmcUnderTest
  let bmc: Bmc
  beforeEach(async () => {
    under = await setup()
    bmc = under.bmc
  })
  afterEach(async () => {
    await under.close()
  })

  test('discovery finds the System, two slots, a boot target and the resets, and is plain JSON', async () => {
    const found = await bmc.discover(options())
    expect(found.serial).toBe(under.serial)
    expect(found.layout?.kind).toBe('two-cds')
    expect(found.boot.cdTarget).toBe('Cd')
    expect(found.resetTypes).toContain('ForceRestart')
    expect(found.power.powerState).toBe('On')
    expect(found.session).toBe('session')
    expect(JSON.parse(JSON.stringify(found))).toEqual(found)
  })

  test('a BMC that is there answers a ping', async () => {
    await expect(bmc.ping(options())).resolves.toBeUndefined()
  })

  test('an inserted image shows, and ejecting it twice says the second time that there was nothing', async () => {
    const { maintenance } = await layoutOf(bmc)
    const inserted = await bmc.insertMedia({ slot: maintenance, image: IMAGE }, options())
    expect(inserted).toMatchObject({ slot: maintenance, attempts: 1, confirmed: { inserted: true, image: IMAGE } })
    expect((await bmc.discover(options())).slots.map((slot) => slot.inserted)).toEqual([true, false])
    expect(await bmc.ejectMedia({ slot: maintenance }, options())).toMatchObject({ alreadyEmpty: false })
    expect(await bmc.ejectMedia({ slot: maintenance }, options())).toMatchObject({ alreadyEmpty: true })
  })

  test('two images can be in at once', async () => {
    const { maintenance, task } = await layoutOf(bmc)
    await bmc.insertMedia({ slot: maintenance, image: IMAGE }, options())
    await bmc.insertMedia({ slot: task, image: OTHER_IMAGE }, options())
    expect((await bmc.discover(options())).slots.map((slot) => slot.inserted)).toEqual([true, true])
  })

  test('an image takes the place of another one', async () => {
    const { maintenance } = await layoutOf(bmc)
    await bmc.insertMedia({ slot: maintenance, image: IMAGE }, options())
    const { confirmed } = await bmc.insertMedia({ slot: maintenance, image: OTHER_IMAGE }, options())
    expect(confirmed.image).toBe(OTHER_IMAGE)
  })

  test('a slot that the BMC does not have is refused', async () => {
    const failure = await failureOf(bmc.ejectMedia({ slot: '/redfish/v1/Managers/none/VirtualMedia/7' }, options()))
    expect(failure).toMatchObject({ kind: 'refused', status: 404, retry: false })
  })

  test('boot once from CD is written once, shows, and can be taken back', async () => {
    expect(await bmc.setBootOnceFromCd(options())).toMatchObject({
      changed: true,
      override: { enabled: 'Once', target: 'Cd' },
    })
    expect(await bmc.setBootOnceFromCd(options())).toMatchObject({ changed: false })
    expect(await bmc.bootOverride(options())).toMatchObject({ enabled: 'Once', target: 'Cd' })
    expect(await bmc.clearBootOverride(options())).toMatchObject({ changed: true })
    expect(await bmc.clearBootOverride(options())).toMatchObject({ changed: false })
    expect(await bmc.bootOverride(options())).toMatchObject({ enabled: 'Disabled' })
  })

  test('a restart is announced before it is sent, observed, and can be recognised afterwards', async () => {
    const intents: ResetIntent[] = []
    const result = await bmc.restart({ ...options(), onIntent: async (intent) => void intents.push(intent) })
    const [intent] = intents
    if (intent === undefined) throw new Error('no intent was announced')
    expect(result.sent).toEqual(intents.map(({ resetType }) => resetType))
    expect(result.evidence).not.toBe('accepted')
    expect(intent.before.powerState).toBe('On')
    expect(await bmc.resolveReset(intent, options())).toMatchObject({ happened: 'yes' })
  })

  test('a restart that could not be announced is not sent', async () => {
    const before = await bmc.power(options())
    const call = bmc.restart({ ...options(), onIntent: () => Promise.reject(new RangeError('the log is closed')) })
    await expect(call).rejects.toThrow(RangeError)
    expect((await bmc.power(options())).lastResetTime).toBe(before.lastResetTime)
  })

  test('a reset that was announced and never sent is recognised as not having happened', async () => {
    const intent: ResetIntent = {
      resetType: 'ForceRestart',
      reason: 'the controller died here',
      before: await bmc.power(options()),
      overrideBefore: await bmc.bootOverride(options()),
    }
    expect(await bmc.resolveReset(intent, options())).toMatchObject({ happened: 'no', evidence: null })
  })

  test('a host is switched off and on, and switching to the state that it is in sends nothing', async () => {
    expect((await bmc.powerOff(options())).after.powerState).toBe('Off')
    expect(await bmc.powerOff(options())).toMatchObject({ sent: [], evidence: 'power-state' })
    expect((await bmc.powerOn(options())).sent).toEqual(['On'])
    expect(await bmc.powerOn(options())).toMatchObject({ sent: [] })
  })

  test('restarting a host that is off switches it on', async () => {
    await bmc.powerOff(options())
    expect(await bmc.restart({ ...options(), onIntent: unannounced })).toMatchObject({
      sent: ['On'],
      evidence: 'power-state',
    })
  })

  test('a signal that is aborted stops every operation', async () => {
    const { maintenance } = await layoutOf(bmc)
    const aborted = { signal: AbortSignal.abort() }
    const calls = [
      bmc.discover(aborted),
      bmc.ping(aborted),
      bmc.power(aborted),
      bmc.insertMedia({ slot: maintenance, image: IMAGE }, aborted),
      bmc.setBootOnceFromCd(aborted),
      bmc.restart({ ...aborted, onIntent: unannounced }),
    ]
    for (const call of calls) expect(await failureOf(call)).toMatchObject({ kind: 'aborted', retry: false })
  })

  test('a closed client refuses to work', async () => {
    await bmc.close(options())
    expect(await failureOf(bmc.power(options()))).toMatchObject({ kind: 'aborted' })
  })
}

function describeFailures(setup: () => Promise<FailingBmc>): void {
  let under: FailingBmc
  let bmc: Bmc
  beforeEach(async () => {
    under = await setup()
    bmc = under.bmc
  })
  afterEach(async () => {
    await under.close()
  })

  const count = (method: string, path: RegExp) =>
    under.requests().filter((request) => request.method === method && path.test(request.path)).length

  test('two 500s and then an answer are one success with three attempts', async () => {
    const { maintenance } = await layoutOf(bmc)
    under.fault({ method: 'POST', path: /InsertMedia/, times: 2, status: 500 })
    const result = await bmc.insertMedia({ slot: maintenance, image: IMAGE }, options())
    expect(result.attempts).toBe(3)
    expect(count('POST', /InsertMedia/)).toBe(3)
  })

  test('a BMC that only answers 503 is busy after the allowed attempts', async () => {
    await bmc.power(options())
    under.fault({ method: 'GET', path: /Systems/, status: 503, headers: { 'Retry-After': '0' } })
    const error = await errorOf(bmc.power(options()))
    expect(error.failure).toMatchObject({ kind: 'busy', status: 503, retry: true, retryAfterMs: 0 })
    expect(error.attempts).toBe(5)
  })

  test('a refusal is final and keeps the message id', async () => {
    const body = { error: { '@Message.ExtendedInfo': [{ MessageId: 'iLO.2.14.LicenseKeyRequired' }] } }
    const { maintenance } = await layoutOf(bmc)
    under.fault({ method: 'POST', path: /InsertMedia/, status: 400, body })
    const failure = await failureOf(bmc.insertMedia({ slot: maintenance, image: IMAGE }, options()))
    expect(failure).toMatchObject({ kind: 'refused', status: 400, messageId: 'iLO.2.14.LicenseKeyRequired' })
    expect(count('POST', /InsertMedia/)).toBe(1)
  })

  test('a transient refusal of a host in POST is waited out', async () => {
    const body = { error: { '@Message.ExtendedInfo': [{ MessageId: 'iLO.2.26.UnableToModifyDuringSystemPOST' }] } }
    under.fault({ method: 'PATCH', times: 2, status: 400, body })
    expect(await bmc.setBootOnceFromCd(options())).toMatchObject({ changed: true, attempts: 3 })
  })

  test('an insert whose answer was lost is found by looking, not sent again', async () => {
    const { maintenance } = await layoutOf(bmc)
    under.fault({ method: 'POST', path: /InsertMedia/, times: 1, drop: 'after' })
    await bmc.insertMedia({ slot: maintenance, image: IMAGE }, options())
    expect(count('POST', /InsertMedia/)).toBe(1)
  })

  test('an eject whose connection broke before it arrived is sent again', async () => {
    const { maintenance } = await layoutOf(bmc)
    await bmc.insertMedia({ slot: maintenance, image: IMAGE }, options())
    under.fault({ method: 'POST', path: /EjectMedia/, times: 1, drop: 'before' })
    expect(await bmc.ejectMedia({ slot: maintenance }, options())).toMatchObject({ alreadyEmpty: false, attempts: 2 })
  })

  test('a reset whose answer was lost is looked for and not sent twice', async () => {
    under.fault({ method: 'POST', path: /ComputerSystem.Reset/, times: 1, drop: 'after' })
    const result = await bmc.restart({ ...options(), onIntent: unannounced })
    expect(result.sent).toEqual(['GracefulRestart'])
    expect(under.resets()).toEqual(['GracefulRestart'])
  })

  test('a reset that failed without effect is announced again before it is sent again', async () => {
    const intents: string[] = []
    under.fault({ method: 'POST', path: /ComputerSystem.Reset/, times: 2, status: 500 })
    const result = await bmc.restart({
      ...options(),
      onIntent: async ({ resetType }) => void intents.push(resetType),
    })
    expect(intents).toEqual(result.sent)
    expect(under.resets()).toHaveLength(1)
  })

  test('a reset type that is refused gives way to the next one, with the reason', async () => {
    const reasons: string[] = []
    const body = { error: { '@Message.ExtendedInfo': [{ MessageId: 'IDRAC.1.6.SYS426' }] } }
    under.fault({ method: 'POST', path: /ComputerSystem.Reset/, times: 1, status: 400, body })
    const result = await bmc.restart({ ...options(), onIntent: async ({ reason }) => void reasons.push(reason) })
    expect(result.sent).toEqual(['GracefulRestart', 'ForceRestart'])
    expect(reasons.at(-1)).toContain('SYS426')
  })

  test('the intent is announced while nothing was sent yet', async () => {
    const sentBefore: number[] = []
    await bmc.restart({
      ...options(),
      onIntent: async () => void sentBefore.push(count('POST', /ComputerSystem.Reset/)),
    })
    expect(sentBefore).toEqual([0])
  })

  test('a session that the BMC forgot is opened again once', async () => {
    await bmc.power(options())
    await under.endSessions()
    await expect(bmc.power(options())).resolves.toMatchObject({ powerState: 'On' })
    expect(count('POST', /Sessions$/)).toBe(2)
  })

  test('many operations share one session, and closing deletes it', async () => {
    await Promise.all([bmc.power(options()), bmc.power(options()), bmc.bootOverride(options())])
    expect(under.sessions()).toBe(1)
    await bmc.close(options())
    expect(under.sessions()).toBe(0)
  })

  test('a wrong password is tried once and never again', async () => {
    const wrong = under.withPassword('wr0ng-password')
    for (let again = 0; again < 3; again++) {
      expect(await failureOf(wrong.power(options()))).toMatchObject({ kind: 'unauthorized', retry: false, status: 401 })
    }
    expect(count('POST', /Sessions$/)).toBe(1)
    await wrong.close(options())
  })

  test('a full session table means Basic for now, and discovery says so', async () => {
    const body = { error: { '@Message.ExtendedInfo': [{ MessageId: 'IDRAC.2.1.RAC0218' }] } }
    under.fault({ method: 'POST', path: /Sessions$/, status: 503, body })
    const found = await bmc.discover(options())
    expect(found.session).toBe('basic')
    expect(found.findings.map(({ code }) => code)).toContain('session-table-full')
    expect(count('POST', /Sessions$/)).toBe(1)
  })

  test('a BMC that has no sessions is spoken to with Basic', async () => {
    under.fault({ method: 'POST', path: /Sessions$/, status: 404 })
    expect((await bmc.discover(options())).findings.map(({ code }) => code)).toContain('sessions-unsupported')
  })

  test('a BMC that does not answer is a timeout, one that is gone unreachable', async () => {
    await bmc.power(options())
    under.fault({ method: 'GET', path: /Systems/, delayMs: 5_000 })
    expect(await failureOf(bmc.power(options()))).toMatchObject({ kind: 'timeout', retry: true })
    await under.stop()
    expect(await failureOf(bmc.ping(options()))).toMatchObject({ kind: 'unreachable', retry: true })
  })

  test('the signal ends the pauses between the attempts', async () => {
    await bmc.power(options())
    under.fault({ method: 'GET', path: /Systems/, status: 503, headers: { 'Retry-After': '60' } })
    expect(await failureOf(bmc.power({ signal: AbortSignal.timeout(200) }))).toMatchObject({ kind: 'aborted' })
  })

  test('no error holds the password, the token of the session or that of the image', async () => {
    const { maintenance } = await layoutOf(bmc)
    under.fault({ method: 'POST', path: /InsertMedia/, status: 400 })
    const errors = [
      await errorOf(bmc.insertMedia({ slot: maintenance, image: IMAGE }, options())),
      await errorOf(under.withPassword(`${under.password}-no`).power(options())),
    ]
    for (const error of errors) {
      const text = JSON.stringify([error.message, error.failure, error.request, error.stack])
      expect(text).not.toContain(under.password)
      expect(text).not.toContain(TOKEN)
    }
  })
}
