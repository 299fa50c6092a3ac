/**
 * `npm run test:crash`: a job killed at every one of its seams. A few of them are part of `npm test`. An argument runs the
 * seams whose names it matches: `npm run test:crash -- redfish.reset`.
 */
import { startVitest } from 'vitest/node'
import { patienceMs, testMaxMs } from '../rig/patience.ts'

const [pattern] = process.argv.slice(2)

const vitest = await startVitest('test', [], {
  config: false,
  watch: false,
  include: ['test/crash/every-seam.ts'],
  globalSetup: ['test/rig/global-setup.ts'],
  reporters: ['verbose'],
  // Jobs that run side by side; each spends half of its time waiting.
  maxConcurrency: 4,
  testTimeout: testMaxMs,
  hookTimeout: testMaxMs,
  expect: { poll: { timeout: patienceMs } },
  ...(pattern === undefined ? {} : { testNamePattern: pattern }),
})
await vitest.close()
