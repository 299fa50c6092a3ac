/** One client per server, shared, and closed when nobody needs it: BMCs have few sessions. */
import { expect, test } from 'vitest'
import type { BmcAccess } from '../../../actors/bmcs/access.ts'
import { type BmcsOptions, createBmcs } from '../../../actors/bmcs/clients.ts'
import type { Learned } from '../../../redfish/learned.ts'
import { createNoopBmc } from '../../../redfish/noop.ts'
import { registration } from '../../machines/server/samples.ts'
import { credentials, type LogEntry, logTo } from '../rig/controller.ts'

/** Clients with numbers; tells which were opened and closed, in order. */
function clients(options: Partial<BmcsOptions> = {}) {
  const history: string[] = []
  const lessons: { serial: string; address: string; learned: Learned }[] = []
  const logged: LogEntry[] = []
  const waiting: (() => void)[] = []
  let current: BmcAccess = { registration, unseal: async () => credentials, learned: {} }
  let opened = 0
  const bmcs = createBmcs({
    access: async () => current,
    recordLessons: async (serial, address, learned) => {
      lessons.push({ serial, address, learned })
    },
    open: () => {
      opened += 1
      const number = opened
      history.push(`open ${number}`)
      const bmc = createNoopBmc({ serial: `client-${number}` })
      return {
        ...bmc,
        close: async (closeOptions) => {
          history.push(`close ${number}`)
          for (const wake of waiting.splice(0)) wake()
          await bmc.close(closeOptions)
        },
      }
    },
    log: logTo(logged),
    ...options,
  })
  return {
    bmcs,
    history,
    lessons,
    logged,
    replace: (about: Partial<BmcAccess['registration']>) => {
      current = { ...current, registration: { ...registration, ...about } }
    },
    closed: () => new Promise<void>((resolve) => waiting.push(resolve)),
  }
}

const use = ({ bmcs }: ReturnType<typeof clients>, until: Promise<void> = Promise.resolve()) =>
  bmcs.use('SN-0001', async (bmc) => {
    await until
    return (await bmc.discover({ signal: new AbortController().signal })).serial
  })

test('work on one server shares its client', async () => {
  const its = clients()
  expect(await Promise.all([use(its), use(its), use(its)])).toEqual(['client-1', 'client-1', 'client-1'])
  await its.bmcs.close()
  expect(its.history).toEqual(['open 1', 'close 1'])
})

test('credentials are opened where a client is, and not for work that finds one open', async () => {
  let unsealed = 0
  const unseal = async () => {
    unsealed += 1
    return credentials
  }
  const its = clients({ access: async () => ({ registration, unseal, learned: {} }) })
  await use(its)
  await use(its)
  expect(unsealed).toBe(1)
  await its.bmcs.close()
})

test('a client that nobody used for a while is closed, and the next use opens another', async () => {
  const its = clients({ idleMs: 1 })
  const closed = its.closed()
  await use(its)
  await closed
  expect(await use(its)).toBe('client-2')
  await its.bmcs.close()
  expect(its.history).toEqual(['open 1', 'close 1', 'open 2', 'close 2'])
})

test('a changed registration gets a new client; the old one is closed when its last user is done', async () => {
  const its = clients()
  const working = Promise.withResolvers<void>()
  const old = use(its, working.promise)
  await use(its)
  its.replace({ credentials_ref: 'bmc/SN-0001/2' })
  expect(await use(its)).toBe('client-2')
  expect(its.history).toEqual(['open 1', 'open 2'])
  working.resolve()
  expect(await old).toBe('client-1')
  expect(its.history).toEqual(['open 1', 'open 2', 'close 1'])
  await its.bmcs.close()
  expect(its.history.at(-1)).toBe('close 2')
})

test('work that fails leaves the client to the others', async () => {
  const its = clients()
  const failing = its.bmcs.use('SN-0001', async () => {
    throw new Error('the work failed')
  })
  await expect(failing).rejects.toThrow('the work failed')
  expect(await use(its)).toBe('client-1')
  await its.bmcs.close()
})

test('closing ends every session once, also those in use and those that were replaced', async () => {
  const its = clients({ idleMs: 1 })
  const working = Promise.withResolvers<void>()
  const old = use(its, working.promise)
  await use(its)
  its.replace({ labels: {} })
  const current = use(its, working.promise)
  await use(its)
  await its.bmcs.close()
  expect(its.history.toSorted()).toEqual(['close 1', 'close 2', 'open 1', 'open 2'])
  working.resolve()
  await Promise.allSettled([old, current])
  await its.bmcs.close()
  expect(its.history).toHaveLength(4)
})

test('a session that cannot be ended is reported, and keeps nobody', async () => {
  const broken = createNoopBmc({ serial: 'broken' })
  const its = clients({
    open: () => ({
      ...broken,
      close: async () => {
        throw new Error('the BMC is gone')
      },
    }),
  })
  await use(its)
  await its.bmcs.close()
  expect(its.logged).toMatchObject([{ level: 'warn', server_serial: 'SN-0001' }])
})

test('what a client learned is recorded once, also when the work failed, with the address that it is of', async () => {
  let hear: (learned: Learned) => void = () => {}
  const its = clients({
    open: ({ onLearned }) => {
      hear = onLearned
      return createNoopBmc({ serial: 'learning' })
    },
  })
  await use(its)
  expect(its.lessons).toEqual([])
  const failing = its.bmcs.use('SN-0001', async () => {
    hear({ sessions: '/a' })
    hear({ sessions: '/b' })
    throw new Error('the work failed')
  })
  await expect(failing).rejects.toThrow('the work failed')
  await use(its)
  expect(its.lessons).toEqual([{ serial: 'SN-0001', address: registration.bmc_address, learned: { sessions: '/b' } }])
  await its.bmcs.close()
})
