import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // One Postgres and one NATS server for the whole run; see the file.
    globalSetup: ['test/global-setup.ts'],
    // .ci/run counts from the report.
    reporters: ['default', ['json', { outputFile: '.cache/test-report.json' }]],
    // Tests wait for processes and sockets more than they compute, so two cores carry more workers than two.
    maxWorkers: 4,
    // Files that run in the same worker share what they import: loading it anew for each was a sixth of all CPU time. No test
    // replaces a module or leaves something behind in one.
    isolate: false,
    // Of the tests of one file that may run at a time.
    maxConcurrency: 24,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
