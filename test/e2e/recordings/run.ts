/**
 * `npm run test:recordings`: a whole job recorded on every make of BMC that can be simulated, and run again from the file.
 * One make is part of `npm test`. An argument runs the makes whose names it matches: `npm run test:recordings -- ilo`.
 */
import { startVitest } from 'vitest/node'
import { patienceMs, testMaxMs } from '../../rig/patience.ts'

const [pattern] = process.argv.slice(2)

const vitest = await startVitest('test', [], {
  config: false,
  watch: false,
  include: ['test/e2e/recordings/every-make.ts'],
  globalSetup: ['test/rig/global-setup.ts'],
  reporters: ['verbose'],
  // Each has a controller of its own, and spends half of its time waiting.
  maxConcurrency: 4,
  testTimeout: testMaxMs,
  hookTimeout: testMaxMs,
  expect: { poll: { timeout: patienceMs } },
  ...(pattern === undefined ? {} : { testNamePattern: pattern }),
})
await vitest.close()
