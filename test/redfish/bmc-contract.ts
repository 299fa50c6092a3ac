/**
 * The promises of every `Bmc`, as tests: run on the http client against a simulated BMC and on the noop client. The
 * failures, which need a BMC that can be made to fail, are the second half and run where a `FailingBmc` is given.
 */
import { describe, expect, test } from 'vitest'
import type { Bmc, MediaLayout, ResetIntent } from '../../redfish/bmc.ts'
import { BmcError, type BmcFailure } from '../../redfish/failure.ts'
import { patience, patienceMs } from '../rig/patience.ts'

/** Results that differ between BMCs. */
export type BmcTraits = {
  readonly layout: MediaLayout['kind']
  readonly cdTarget: string
  /** The value that `Enabled` reads after `Once` was written. */
  readonly onceReads: 'Once' | 'Continuous'
  readonly sessions: boolean
  /** The BMC takes Basic authentication. */
  readonly basic: boolean
  /** Scheme of the images that the BMC mounts. */
  readonly scheme: 'http' | 'https'
  /** The requests that fill and empty a slot. */
  readonly insert: { readonly method: 'POST' | 'PATCH'; readonly path: RegExp }
  readonly eject: { readonly method: 'POST' | 'PATCH'; readonly path: RegExp }
  /** A slot names its image as soon as it has it. */
  readonly namesAtOnce: boolean
  /** The verdict on a restart that was announced and not sent. */
  readonly unsentReset: 'no' | 'unknown'
  /** The BMC shows the restart of a host without a boot override. */
  readonly idleResetShows: boolean
}

export const USUAL_TRAITS: BmcTraits = {
  layout: 'two-cds',
  cdTarget: 'Cd',
  onceReads: 'Once',
  sessions: true,
  basic: true,
  scheme: 'http',
  insert: { method: 'POST', path: /InsertMedia/ },
  eject: { method: 'POST', path: /EjectMedia/ },
  namesAtOnce: true,
  unsentReset: 'no',
  idleResetShows: true,
}

export type BmcUnderTest = {
  readonly bmc: Bmc
  readonly serial: string
  readonly traits: BmcTraits
  close(): Promise<void>
}

/** One fault of the BMC; `drop` closes the connection before or after the request took effect. */
type ContractFault = {
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

/** Two images for one slot, and one for the slot of the task. */
function imagesFor({ scheme, layout }: BmcTraits) {
  const folder = `${scheme}://127.0.0.1:9/media/${TOKEN}`
  return {
    maintenance: `${folder}/maintenance.iso`,
    other: `${folder}/other.iso`,
    task: `${folder}/${layout === 'cd-and-usb' ? 'task.img' : 'task.iso'}`,
  }
}

const options = () => ({ signal: patience() })
const unannounced = async () => {}

async function layoutOf(bmc: Bmc): Promise<MediaLayout> {
  const { layout } = await bmc.discover(options())
  if (layout === null) throw new Error('the contract wants a slot to put media into')
  return layout
}

/** The filled ones of a layout's two slots. */
async function filled(bmc: Bmc): Promise<readonly boolean[]> {
  const { layout, slots } = await bmc.discover(options())
  const ids =
    layout === null ? [] : layout.kind === 'single-cd' ? [layout.maintenance] : [layout.maintenance, layout.task]
  return ids.map((id) => slots.find((slot) => slot.id === id)?.inserted ?? false)
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
  describe.concurrent(name, () => {
    describeOperations(setups.working)
    if (setups.failing !== undefined) describeFailures(setups.failing)
  })
}

type Subject<Under extends BmcUnderTest> = {
  readonly under: Under
  readonly bmc: Bmc
  readonly traits: BmcTraits
  readonly images: ReturnType<typeof imagesFor>
}

type FailingSubject = Subject<FailingBmc> & {
  /** Requests that the BMC got. */
  readonly count: (method: string, path: RegExp) => number
  readonly inserts: () => number
}

/** A test with a BMC of its own. The tests wait more than they compute, so that some run at a time. */
function checkWith<Under extends BmcUnderTest>(
  setup: () => Promise<Under>,
  title: string,
  body: (subject: Subject<Under>) => Promise<void>,
): void {
  test.concurrent(title, async () => {
    const under = await setup()
    const { bmc, traits } = under
    try {
      await body({ under, bmc, traits, images: imagesFor(traits) })
    } finally {
      await under.close()
    }
  })
}

function describeOperations(setup: () => Promise<BmcUnderTest>): void {
  const check = (title: string, body: (subject: Subject<BmcUnderTest>) => Promise<void>) =>
    checkWith(setup, title, body)

  check(
    'discovery finds the System, the media layout, a boot target and the resets, and is plain JSON',
    async ({ bmc, under, traits }) => {
      const found = await bmc.discover(options())
      expect(found.serial).toBe(under.serial)
      expect(found.layout?.kind).toBe(traits.layout)
      expect(found.boot.cdTarget).toBe(traits.cdTarget)
      expect(found.resetTypes).toContain('ForceRestart')
      expect(found.power.powerState).toBe('On')
      expect(found.session).toBe(traits.sessions ? 'session' : 'basic')
      expect(JSON.parse(JSON.stringify(found))).toEqual(found)
    },
  )

  check('a BMC that is there answers a ping', async ({ bmc }) => {
    await expect(bmc.ping(options())).resolves.toBeUndefined()
  })

  check(
    'an inserted image shows, and ejecting it twice says the second time that there was nothing',
    async ({ bmc, traits, images }) => {
      const { maintenance } = await layoutOf(bmc)
      const image = images.maintenance
      const inserted = await bmc.insertMedia({ slot: maintenance, image }, options())
      expect(inserted).toMatchObject({ slot: maintenance, attempts: 1, confirmed: { inserted: true, image } })
      expect(await filled(bmc)).toEqual(traits.layout === 'single-cd' ? [true] : [true, false])
      expect(await bmc.ejectMedia({ slot: maintenance }, options())).toMatchObject({ alreadyEmpty: false })
      expect(await bmc.ejectMedia({ slot: maintenance }, options())).toMatchObject({ alreadyEmpty: true })
    },
  )

  check('the images of every slot of the layout can be in at once', async ({ bmc, images }) => {
    const layout = await layoutOf(bmc)
    await bmc.insertMedia({ slot: layout.maintenance, image: images.maintenance }, options())
    if (layout.kind !== 'single-cd') await bmc.insertMedia({ slot: layout.task, image: images.task }, options())
    expect(await filled(bmc)).toEqual(layout.kind === 'single-cd' ? [true] : [true, true])
  })

  check('an image takes the place of another one', async ({ bmc, images }) => {
    const { maintenance } = await layoutOf(bmc)
    await bmc.insertMedia({ slot: maintenance, image: images.maintenance }, options())
    const { confirmed } = await bmc.insertMedia({ slot: maintenance, image: images.other }, options())
    expect(confirmed.image).toBe(images.other)
  })

  check('a slot that the BMC does not have is refused', async ({ bmc }) => {
    const failure = await failureOf(bmc.ejectMedia({ slot: '/redfish/v1/Managers/none/VirtualMedia/7' }, options()))
    expect(failure).toMatchObject({ kind: 'refused', status: 404, retry: false })
  })

  check('boot once from CD is written once, shows, and can be taken back', async ({ bmc, traits }) => {
    const override = { enabled: traits.onceReads, target: traits.cdTarget }
    expect(await bmc.setBootOnceFromCd(options())).toMatchObject({ changed: true, override })
    // Where it reads back otherwise, it looks like a permanent override.
    expect(await bmc.setBootOnceFromCd(options())).toMatchObject({ changed: traits.onceReads !== 'Once' })
    expect(await bmc.bootOverride(options())).toMatchObject(override)
    expect(await bmc.clearBootOverride(options())).toMatchObject({ changed: true })
    expect(await bmc.clearBootOverride(options())).toMatchObject({ changed: false })
    expect(await bmc.bootOverride(options())).toMatchObject({ enabled: 'Disabled' })
  })

  check(
    'a restart is announced before it is sent, observed, and can be recognised afterwards',
    async ({ bmc, traits }) => {
      const intents: ResetIntent[] = []
      // As in a job: where nothing else shows a restart, its use of the override does.
      await bmc.setBootOnceFromCd(options())
      const result = await bmc.restart({ ...options(), onIntent: async (intent) => void intents.push(intent) })
      const [intent] = intents
      if (intent === undefined) throw new Error('no intent was announced')
      expect(result.sent).toEqual(intents.map(({ resetType }) => resetType))
      expect(intent.before.powerState).toBe('On')
      const shows = traits.onceReads === 'Once'
      if (shows) expect(result.evidence).not.toBe('accepted')
      expect(await bmc.resolveReset(intent, options())).toMatchObject({ happened: shows ? 'yes' : 'unknown' })
    },
  )

  check('a restart that could not be announced is not sent', async ({ bmc }) => {
    const before = await bmc.power(options())
    const call = bmc.restart({ ...options(), onIntent: () => Promise.reject(new RangeError('the log is closed')) })
    await expect(call).rejects.toThrow(RangeError)
    expect((await bmc.power(options())).lastResetTime).toBe(before.lastResetTime)
  })

  check('a reset that was announced and never sent is never taken for one that happened', async ({ bmc, traits }) => {
    const intent: ResetIntent = {
      resetType: 'ForceRestart',
      reason: 'the controller died here',
      before: await bmc.power(options()),
      overrideBefore: await bmc.bootOverride(options()),
    }
    expect(await bmc.resolveReset(intent, options())).toMatchObject({ happened: traits.unsentReset, evidence: null })
  })

  check('a host is switched off and on, and switching to the state that it is in sends nothing', async ({ bmc }) => {
    expect((await bmc.powerOff(options())).after.powerState).toBe('Off')
    expect(await bmc.powerOff(options())).toMatchObject({ sent: [], evidence: 'power-state' })
    // More than once where the BMC is not ready for On yet.
    expect(new Set((await bmc.powerOn(options())).sent)).toEqual(new Set(['On']))
    expect(await bmc.powerOn(options())).toMatchObject({ sent: [] })
  })

  check('restarting a host that is off switches it on', async ({ bmc }) => {
    await bmc.powerOff(options())
    const result = await bmc.restart({ ...options(), onIntent: unannounced })
    expect(result.evidence).toBe('power-state')
    expect(new Set(result.sent)).toEqual(new Set(['On']))
  })

  check('a signal that is aborted stops every operation', async ({ bmc, images }) => {
    const { maintenance } = await layoutOf(bmc)
    const aborted = { signal: AbortSignal.abort() }
    const calls = [
      bmc.discover(aborted),
      bmc.ping(aborted),
      bmc.power(aborted),
      bmc.insertMedia({ slot: maintenance, image: images.maintenance }, aborted),
      bmc.setBootOnceFromCd(aborted),
      bmc.restart({ ...aborted, onIntent: unannounced }),
    ]
    for (const call of calls) expect(await failureOf(call)).toMatchObject({ kind: 'aborted', retry: false })
  })

  check('a closed client refuses to work', async ({ bmc }) => {
    await bmc.close(options())
    expect(await failureOf(bmc.power(options()))).toMatchObject({ kind: 'aborted' })
  })
}

function describeFailures(setup: () => Promise<FailingBmc>): void {
  const check = (title: string, body: (subject: FailingSubject) => Promise<void>) =>
    checkWith(setup, title, async ({ under, ...subject }) => {
      const count = (method: string, path: RegExp) =>
        under.requests().filter((request) => request.method === method && path.test(request.path)).length
      const { insert } = under.traits
      await body({ ...subject, under, count, inserts: () => count(insert.method, insert.path) })
    })

  check(
    'two 500s and then an answer are one success with three attempts',
    async ({ bmc, under, traits, images, inserts }) => {
      const { maintenance } = await layoutOf(bmc)
      under.fault({ ...traits.insert, times: 2, status: 500 })
      const result = await bmc.insertMedia({ slot: maintenance, image: images.maintenance }, options())
      expect(result.attempts).toBe(3)
      expect(inserts()).toBe(3)
    },
  )

  check('a BMC that only answers 503 is busy after the allowed attempts', async ({ bmc, under }) => {
    await bmc.power(options())
    under.fault({ method: 'GET', path: /Systems/, status: 503, headers: { 'Retry-After': '0' } })
    const error = await errorOf(bmc.power(options()))
    expect(error.failure).toMatchObject({ kind: 'busy', status: 503, retry: true, retryAfterMs: 0 })
    expect(error.attempts).toBe(5)
  })

  check('a refusal is final and keeps the message id', async ({ bmc, under, traits, images, inserts }) => {
    const body = { error: { '@Message.ExtendedInfo': [{ MessageId: 'iLO.2.14.LicenseKeyRequired' }] } }
    const { maintenance } = await layoutOf(bmc)
    under.fault({ ...traits.insert, status: 400, body })
    const failure = await failureOf(bmc.insertMedia({ slot: maintenance, image: images.maintenance }, options()))
    expect(failure).toMatchObject({ kind: 'refused', status: 400, messageId: 'iLO.2.14.LicenseKeyRequired' })
    expect(inserts()).toBe(1)
  })

  check('a transient refusal of a host in POST is waited out', async ({ bmc, under }) => {
    const body = { error: { '@Message.ExtendedInfo': [{ MessageId: 'iLO.2.26.UnableToModifyDuringSystemPOST' }] } }
    under.fault({ method: 'PATCH', times: 2, status: 400, body })
    expect(await bmc.setBootOnceFromCd(options())).toMatchObject({ changed: true, attempts: 3 })
  })

  check(
    'an insert whose answer was lost is found by looking, not sent again',
    async ({ bmc, under, traits, images, inserts }) => {
      const { maintenance } = await layoutOf(bmc)
      under.fault({ ...traits.insert, times: 1, drop: 'after' })
      const { confirmed } = await bmc.insertMedia({ slot: maintenance, image: images.maintenance }, options())
      expect(confirmed).toMatchObject({ inserted: true, image: images.maintenance })
      // Where the insert shows late, the client sends a second one and tolerates its refusal.
      if (traits.namesAtOnce) expect(inserts()).toBe(1)
      else expect(inserts()).toBeLessThanOrEqual(2)
    },
  )

  check('an eject whose connection broke before it arrived is sent again', async ({ bmc, under, traits, images }) => {
    const { maintenance } = await layoutOf(bmc)
    await bmc.insertMedia({ slot: maintenance, image: images.maintenance }, options())
    under.fault({ ...traits.eject, times: 1, drop: 'before' })
    expect(await bmc.ejectMedia({ slot: maintenance }, options())).toMatchObject({ alreadyEmpty: false, attempts: 2 })
  })

  check('a reset whose answer was lost is looked for and not sent twice', async ({ bmc, under, traits }) => {
    await bmc.setBootOnceFromCd(options())
    under.fault({ method: 'POST', path: /ComputerSystem.Reset/, times: 1, drop: 'after' })
    const restart = bmc.restart({ ...options(), onIntent: unannounced })
    if (traits.onceReads === 'Once') expect((await restart).sent).toEqual(under.resets())
    else expect(await failureOf(restart)).toMatchObject({ kind: 'not-confirmed' })
    expect(under.resets()).toHaveLength(1)
  })

  check(
    'a reset whose answer was lost and that nothing would show is reported, and not sent twice',
    async ({ bmc, under, traits }) => {
      under.fault({ method: 'POST', path: /ComputerSystem.Reset/, times: 1, drop: 'after' })
      const restart = bmc.restart({ ...options(), onIntent: unannounced })
      if (traits.idleResetShows) expect((await restart).sent).toEqual(under.resets())
      else expect(await failureOf(restart)).toMatchObject({ kind: 'not-confirmed', retry: false, action: 'reset' })
      expect(under.resets()).toHaveLength(1)
    },
  )

  check(
    'a reset that failed without effect is announced again before it is sent again',
    async ({ bmc, under, traits }) => {
      const intents: string[] = []
      await bmc.setBootOnceFromCd(options())
      under.fault({ method: 'POST', path: /ComputerSystem.Reset/, times: 2, status: 500 })
      const onIntent = async ({ resetType }: ResetIntent) => void intents.push(resetType)
      const restart = bmc.restart({ ...options(), onIntent })
      if (traits.onceReads === 'Once') {
        expect((await restart).sent).toEqual(intents)
        expect(under.resets()).toHaveLength(1)
      } else {
        expect(await failureOf(restart)).toMatchObject({ kind: 'not-confirmed' })
        expect(intents).toHaveLength(1)
      }
    },
  )

  check('a reset type that is refused gives way to the next one, with the reason', async ({ bmc, under }) => {
    const reasons: string[] = []
    const body = { error: { '@Message.ExtendedInfo': [{ MessageId: 'IDRAC.1.6.SYS426' }] } }
    under.fault({ method: 'POST', path: /ComputerSystem.Reset/, times: 1, status: 400, body })
    const result = await bmc.restart({ ...options(), onIntent: async ({ reason }) => void reasons.push(reason) })
    expect(result.sent[1]).not.toBe(result.sent[0])
    expect(reasons[1]).toContain('SYS426')
    expect(under.resets()).toEqual(result.sent.slice(1))
  })

  check('the intent is announced while nothing was sent yet', async ({ bmc, count }) => {
    const sentBefore: number[] = []
    await bmc.restart({
      ...options(),
      onIntent: async () => void sentBefore.push(count('POST', /ComputerSystem.Reset/)),
    })
    // A host that was reset while nobody looked is reset again, and that is announced, too.
    expect(sentBefore[0]).toBe(0)
    expect(sentBefore).toEqual([...sentBefore.keys()])
  })

  check('a session that the BMC forgot is opened again once', async ({ bmc, under, traits, count }) => {
    await bmc.power(options())
    if (!traits.sessions) return expect(count('POST', /Sessions\/?$/)).toBe(1)
    await under.endSessions()
    const before = count('POST', /Sessions\/?$/)
    await expect(bmc.power(options())).resolves.toMatchObject({ powerState: 'On' })
    expect(count('POST', /Sessions\/?$/)).toBe(before + 1)
  })

  check('many operations share one session, and closing deletes it', async ({ bmc, under, traits, count }) => {
    await Promise.all([bmc.power(options()), bmc.power(options()), bmc.bootOverride(options())])
    expect(count('POST', /Sessions\/?$/)).toBe(1)
    expect(under.sessions()).toBe(traits.sessions ? 1 : 0)
    await bmc.close(options())
    expect(under.sessions()).toBe(0)
  })

  check('a wrong password is tried once and never again', async ({ under, count }) => {
    const wrong = under.withPassword('wr0ng-password')
    for (let again = 0; again < 3; again++) {
      expect(await failureOf(wrong.power(options()))).toMatchObject({ kind: 'unauthorized', retry: false, status: 401 })
    }
    expect(count('POST', /Sessions\/?$/)).toBe(1)
    await wrong.close(options())
  })

  check('a full session table means Basic for now, and that is said', async ({ bmc, under, traits, count }) => {
    const body = { error: { '@Message.ExtendedInfo': [{ MessageId: 'IDRAC.2.1.RAC0218' }] } }
    under.fault({ method: 'POST', path: /Sessions\/?$/, status: 503, body })
    const discovery = bmc.discover(options())
    if (traits.basic) {
      const found = await discovery
      expect(found.session).toBe('basic')
      expect(found.findings.map(({ code }) => code)).toContain('session-table-full')
    } else expect(await failureOf(discovery)).toMatchObject({ kind: 'unauthorized', problem: 'session-table-full' })
    expect(count('POST', /Sessions\/?$/)).toBe(1)
  })

  check('a BMC that has no sessions is spoken to with Basic', async ({ bmc, under, traits }) => {
    under.fault({ method: 'POST', path: /Sessions\/?$/, status: 404 })
    const discovery = bmc.discover(options())
    if (traits.basic) expect((await discovery).findings.map(({ code }) => code)).toContain('sessions-unsupported')
    else expect(await failureOf(discovery)).toMatchObject({ kind: 'unauthorized', retry: false })
  })

  check('a BMC that does not answer is a timeout, one that is gone unreachable', async ({ bmc, under }) => {
    await bmc.power(options())
    under.fault({ method: 'GET', path: /Systems/, delayMs: patienceMs })
    expect(await failureOf(bmc.power(options()))).toMatchObject({ kind: 'timeout', retry: true })
    await under.stop()
    expect(await failureOf(bmc.ping(options()))).toMatchObject({ kind: 'unreachable', retry: true })
  })

  check('the signal ends the pauses between the attempts', async ({ bmc, under }) => {
    await bmc.power(options())
    under.fault({ method: 'GET', path: /Systems/, status: 503, headers: { 'Retry-After': '60' } })
    expect(await failureOf(bmc.power({ signal: AbortSignal.timeout(200) }))).toMatchObject({ kind: 'aborted' })
  })

  check(
    'no error holds the password, the token of the session or that of the image',
    async ({ bmc, under, traits, images }) => {
      const { maintenance } = await layoutOf(bmc)
      under.fault({ ...traits.insert, status: 400 })
      const errors = [
        await errorOf(bmc.insertMedia({ slot: maintenance, image: images.maintenance }, options())),
        await errorOf(under.withPassword(`${under.password}-no`).power(options())),
      ]
      for (const error of errors) {
        const text = JSON.stringify([error.message, error.failure, error.request, error.stack])
        expect(text).not.toContain(under.password)
        expect(text).not.toContain(TOKEN)
      }
    },
  )
}
