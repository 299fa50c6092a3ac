/** The fold: how XState's actions and event names become effects, deadlines and words of ours. */
import { describe, expect, test } from 'vitest'
import { assign, setup } from 'xstate'
import { InvalidEventError } from '../../machines/event.ts'
import { createEvolve, effect, pathOf } from '../../machines/evolve.ts'
import { jobMachine } from '../../machines/job/machine.ts'
import { stepKeys } from '../../machines/job/steps.ts'
import { checkEvent, kinds, parseStream } from '../../machines/kinds.ts'
import { serverMachine } from '../../machines/server/machine.ts'
import { nodesOf } from './picture/nodes.ts'

const smallSetup = setup({
  types: {} as { context: { answer: unknown }; events: { type: string } },
  actors: { worker: effect<unknown, { size: number }>() },
  delays: { patience: () => 1000, hurry: 20 },
  actions: {
    answered: assign(({ event }) => {
      const { output, error } = event as { output?: unknown; error?: unknown }
      return { answer: output ?? error }
    }),
  },
})

const small = createEvolve(
  smallSetup.createMachine({
    context: { answer: null },
    initial: 'idle',
    states: {
      idle: { on: { 'work.requested': 'working', 'hurry.requested': 'hurrying' } },
      working: {
        on: { 'work.requested': { target: 'working', reenter: true }, 'work.cancelled': 'idle' },
        after: { patience: 'idle' },
        invoke: {
          id: 'work',
          src: 'worker',
          input: { size: 3 },
          onDone: { target: 'idle', actions: 'answered' },
          onError: { target: 'idle', actions: 'answered' },
        },
      },
      hurrying: { after: { hurry: 'idle' }, invoke: { id: 'rush', src: 'worker', input: { size: 1 } }, always: 'idle' },
    },
  }),
)

const idle = small.start({ type: 'small.created', data: {} }).snapshot
const happen = (type: string, { data = {}, in: snapshot = idle }: { data?: unknown; in?: typeof idle } = {}) =>
  small.next(snapshot, { type, data })
const working = happen('work.requested').snapshot

describe('what a state asks for', () => {
  test('comes as data: effects with key, service and input, deadlines with their names', () => {
    expect(happen('work.requested')).toMatchObject({
      asked: [{ key: 'work', src: 'worker', input: { size: 3 } }],
      armed: [{ name: 'patience', delayMs: 1000 }],
      withdrawn: [],
      disarmed: [],
    })
  })

  test('is withdrawn and disarmed when the state is left', () => {
    expect(happen('work.cancelled', { in: working })).toMatchObject({
      asked: [],
      armed: [],
      withdrawn: ['work'],
      disarmed: ['patience'],
    })
  })

  test('is replaced when the state is entered anew', () => {
    expect(happen('work.requested', { in: working })).toMatchObject({
      asked: [{ key: 'work' }],
      armed: [{ name: 'patience' }],
      withdrawn: ['work'],
      disarmed: ['patience'],
    })
  })

  test('is nothing where one event only passes through it', () => {
    expect(happen('hurry.requested')).toMatchObject({ asked: [], armed: [], withdrawn: [], disarmed: [] })
  })

  test('is what the state waits for', () => {
    const { effects, deadlines } = small.pending(working)
    expect([[...effects], [...deadlines]]).toEqual([['work'], ['patience']])
  })
})

describe('words', () => {
  test('success and failure of an effect carry their data into the machine', () => {
    const { context } = happen('work.succeeded', { in: working, data: { found: 1 } }).snapshot
    expect(context).toEqual({ answer: { found: 1 } })
    expect(happen('work.failed', { in: working, data: { kind: 'busy' } }).snapshot.context).toEqual({
      answer: { kind: 'busy' },
    })
  })

  test('only what is waited for is accepted', () => {
    const takes = (snapshot: typeof idle, type: string) => small.accepts(snapshot, { type, data: {} })
    expect([takes(working, 'work.succeeded'), takes(working, 'patience.elapsed')]).toEqual([true, true])
    expect([takes(idle, 'work.succeeded'), takes(idle, 'patience.elapsed')]).toEqual([false, false])
    expect(takes(working, 'hurry.elapsed')).toBe(false)
  })

  test("the framework's own names are not taken for events of ours", () => {
    for (const kind of Object.values(kinds))
      for (const type of Object.keys(kind.events)) expect(type).not.toMatch(/xstate|#/)
  })
})

describe('a machine whose log would be ambiguous is refused', () => {
  const context = { answer: null }

  test('with a delay that has no name', () => {
    const unnamed = smallSetup.createMachine({ context, initial: 'a', states: { a: { after: { 500: 'b' } }, b: {} } })
    expect(() => createEvolve(unnamed)).toThrow(/needs a name/)
  })

  test('with a delay whose name is used in two states', () => {
    const twice = smallSetup.createMachine({
      context,
      initial: 'a',
      states: { a: { after: { hurry: 'b' } }, b: { after: { hurry: 'a' } } },
    })
    expect(() => createEvolve(twice)).toThrow(/"hurry" is used in two states/)
  })
})

test('an error inside a machine is thrown, not swallowed', () => {
  const broken = createEvolve(
    smallSetup.createMachine({
      context: { answer: null },
      on: {
        'work.requested': {
          actions: assign(() => {
            throw new Error('a bug in an action')
          }),
        },
      },
    }),
  )
  const { snapshot } = broken.start({ type: 'small.created', data: {} })
  expect(() => broken.next(snapshot, { type: 'work.requested', data: {} })).toThrow('a bug in an action')
})

describe.each([
  ['job', jobMachine],
  ['server', serverMachine],
] as const)('the machine of a %s', (name, machine) => {
  const invokes = nodesOf(machine).flatMap((node) => node.invoke)
  const delays = nodesOf(machine).flatMap((node) => node.after.map(({ delay }) => String(delay)))
  const types = Object.keys(kinds[name].events)

  test('uses each step key in one state only', () => {
    const keys = invokes.map(({ id }) => id)
    expect(new Set(keys).size).toBe(keys.length)
    if (name === 'job') for (const key of keys) expect(stepKeys).toContain(key)
  })

  test('has an event for every success, every failure and every deadline, and none for others', () => {
    const wanted = [
      ...invokes.flatMap(({ id }) => [`${id}.succeeded`, `${id}.failed`]),
      ...delays.map((delay) => `${delay}.elapsed`),
    ]
    expect(types.filter((type) => /\.(succeeded|failed|elapsed)$/.test(type)).sort()).toEqual(wanted.sort())
  })

  test('handles every type of event somewhere', () => {
    const handled = new Set([machine.root, ...nodesOf(machine)].flatMap((node) => node.ownEvents as string[]))
    const requests = types.filter((type) => !/\.(succeeded|failed|elapsed)$/.test(type))
    expect(requests.filter((type) => !handled.has(type))).toEqual(name === 'job' ? ['job.requested'] : [])
  })
})

describe('kinds', () => {
  test('an unknown type and data of another shape are refused, and the data are not repeated', () => {
    expect(() => checkEvent('job', { type: 'job.invented', data: {} })).toThrow(InvalidEventError)
    const leaky = { type: 'cancel.requested', data: { reason: 5, password: 'hunter2' } }
    expect(() => checkEvent('job', leaky)).toThrow(/cancel.requested has data of another shape/)
    expect(() => checkEvent('job', leaky)).not.toThrow(/hunter2/)
    expect(() => checkEvent('server', { type: 'job.requested', data: {} })).toThrow(InvalidEventError)
  })

  test('a stream says whose it is', () => {
    expect(parseStream('server-SN-00-1')).toEqual({ kind: 'server', id: 'SN-00-1' })
    expect(() => parseStream('rack-7')).toThrow(/not a stream/)
    expect(() => parseStream('job')).toThrow(/not a stream/)
  })

  test('a state is told as a path, parallel regions side by side', () => {
    expect(pathOf('queued')).toBe('queued')
    expect(pathOf({ active: { probe: 'probing', media: { dirty: 'waiting' } } })).toBe(
      'active.probe.probing|media.dirty.waiting',
    )
  })
})
