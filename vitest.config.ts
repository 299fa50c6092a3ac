import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { patienceMs, testMaxMs } from './test/rig/patience.ts'

/** Longest first, so that no worker is left with a long one at the end; on a first run nothing but the folders tells which. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    return sorted.toSorted((one, other) => rank(one) - rank(other))
  }
}

/** Tests with programs of their own that are killed and started again, then other whole jobs, then everything else. */
const longFolders = [/\/test\/(?:chaos|crash|e2e)\//, /\/test\/(?:deploy|redfish\/(?:client|simulator))\//]

function rank({ moduleId }: TestSpecification): number {
  const found = longFolders.findIndex((folder) => folder.test(moduleId))
  return found < 0 ? longFolders.length : found
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // One Postgres and one NATS server for the whole run; see the file.
    globalSetup: ['test/rig/global-setup.ts'],
    setupFiles: ['test/rig/properties.ts'],
    // .ci/run counts from the report.
    reporters: ['default', ['json', { outputFile: '.cache/test-report.json' }]],
    // Tests wait for processes and sockets more than they compute, so two cores carry more workers than two.
    maxWorkers: 4,
    // Files that run in the same worker share what they import: loading it anew for each was a sixth of all CPU time. No test
    // replaces a module or leaves something behind in one.
    isolate: false,
    sequence: { sequencer: LongestFirst },
    // Of the tests of one file that may run at a time.
    maxConcurrency: 24,
    testTimeout: testMaxMs,
    hookTimeout: testMaxMs,
    expect: { poll: { timeout: patienceMs } },
  },
})
