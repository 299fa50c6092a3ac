/** `npm run help`: every script of package.json with a line. Options go after `--`: `npm run demo -- --keep`. */
import { bold, output } from './cli/output.ts'

/** In the order in which they are printed. */
export const scripts: Readonly<Record<string, string>> = {
  demo: 'runs one job from request to report, with a simulated server; --keep leaves everything running',
  start: 'runs a controller; its settings are flags or environment variables',
  provisioner: 'the command line; --help lists its commands',
  help: 'prints this list',
  test: 'checks everything that CI checks: types, lint and tests',
  types: 'checks the types',
  lint: 'checks the format and the lint rules',
  'lint:fix': 'formats, and mends what the lint rules can mend',
  'test:run': 'runs the tests; UPDATE_GOLDEN=1 in the environment writes the golden files anew',
  'test:crash': 'kills a controller at every seam of a job; an argument chooses seams by name',
  'test:chaos': 'runs a fleet while controllers, PostgreSQL and NATS are killed; --seed repeats a run',
  'test:mutations': 'breaks each guarantee in a copy of the tree and names the tests that fail',
  'test:sessions': "counts the controller's sessions on BMCs over a hundred jobs and three kills",
  'test:recordings': 'records a job on every simulated make and runs it again from the file; an argument chooses makes',
  bench: 'runs every benchmark; --json prints one JSON object each, here and for each benchmark alone',
  'bench:transition': 'measures transitions of a machine, beside XState by itself',
  'bench:append': 'measures appends of events to the log',
  'bench:replay': 'measures replays of streams',
  'bench:publish': 'measures how fast events reach NATS',
  'bench:rebuild': 'measures the rebuild of everything that is derived from the log',
  'bench:iso': 'measures the building of task media, beside xorriso and mtools',
  'bench:redfish': 'counts the requests to BMCs in whole jobs; fails above the ceilings',
  'bench:fleet': 'measures what a controller costs with one job on each of 100 to 3500 servers',
  postinstall: 'mends installed packages; npm install runs it',
}

if (import.meta.main) output.table(Object.entries(scripts).map(([name, line]) => [bold(name), line]))
