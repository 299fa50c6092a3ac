/** Guarantees that are broken on purpose, each by a change of text, and the tests that have to notice. */

export type Edit = {
  /** In the repository. */
  readonly file: string
  /** Replaced wherever it occurs. */
  readonly find: string
  readonly replace: string
}

export type Mutation = {
  readonly name: string
  readonly edits: readonly Edit[]
  /** Every one of these test files must fail. */
  readonly caughtBy: readonly string[]
  /** Part of the names of the tests to run, where a file has others that take long. */
  readonly only?: string
}

/** A place in a template, as it stands in a source. */
const hole = (expression: string) => `\${${expression}}`

export const mutations: readonly Mutation[] = [
  {
    name: 'fencing off: whoever leased an effect, ever, may report its outcome',
    edits: [
      {
        file: 'eventstore/log/statement.ts',
        find: 'and (id, owner, epoch) in (select * from jsonb_to_recordset($3::text::jsonb) as lease (id text, owner text, epoch int))',
        replace: '',
      },
    ],
    caughtBy: [
      'test/crash/fencing.test.ts',
      'test/actors/performer/leases.test.ts',
      'test/eventstore/log/append.test.ts',
    ],
  },
  {
    name: 'observe-before-redo off: a reset that may have happened is done again unseen',
    edits: [
      {
        file: 'actors/services/reset-host.ts',
        find: 'const resumed = await resume(bmc, jobId, context)',
        replace: 'const resumed = null as Awaited<ReturnType<typeof resume>>',
      },
    ],
    caughtBy: ['test/crash/seams.test.ts', 'test/crash/twice.test.ts', 'test/actors/services/reset-host.test.ts'],
    only: 'redfish.reset|resetHost|resolved by looking',
  },
  {
    name: 'tail by last position: whatever has a later position than what was read last comes next',
    edits: [
      {
        file: 'eventstore/log/tail.ts',
        find: `(${hole('events.xid')}, ${hole('events.position')}) > (${hole('after.xid')}::xid8, ${hole('after.position')}::bigint)`,
        replace: `${hole('events.position')} > ${hole('after.position')}::bigint`,
      },
      {
        file: 'eventstore/log/tail.ts',
        find: '< pg_snapshot_xmin(pg_current_snapshot())',
        replace: 'is not null',
      },
      {
        file: 'eventstore/log/tail.ts',
        find: 'orderBy(asc(events.xid), asc(events.position))',
        replace: 'orderBy(asc(events.position))',
      },
    ],
    caughtBy: ['test/chaos/chaos.test.ts', 'test/eventstore/log/tail.test.ts'],
  },
  {
    name: 'writes after a standstill: a right to write is taken to last until somebody says otherwise',
    edits: [
      {
        file: 'actors/bmcs/writers.ts',
        find: 'performance.now() < right.heldUntil',
        replace: 'right.heldUntil > 0',
      },
    ],
    caughtBy: ['test/actors/bmcs/writers.test.ts'],
  },
  {
    name: 'old reads: what was read of a BMC counts, whoever was there since',
    edits: [
      {
        file: 'actors/performer/effect.ts',
        find: 'effect.epoch > 1 || !alone',
        replace: 'effect.epoch > 1 && !alone',
      },
    ],
    caughtBy: ['test/actors/performer/leases.test.ts'],
  },
]
