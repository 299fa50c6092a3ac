#!/usr/bin/env node
/** The command line. `serve`, `demo`, `simulate` run things; `audit`, `archive` and `db` open the database; the rest is the API's client. */
import { Command, CommanderError } from 'commander'
import { createClient } from './cli/client.ts'
import { settings } from './settings/table.ts'

const program = new Command('provisioner')
  .description('installs operating systems on bare servers through nothing but their BMC')
  .option(
    '--url <url>',
    'the controller (or PROVISIONER_URL)',
    process.env['PROVISIONER_URL'] ?? 'http://127.0.0.1:8080',
  )
  .option('--json', 'print JSON')
  .addHelpText(
    'after',
    '\nTo authenticate, set PROVISIONER_TOKEN (a JWT) or PROVISIONER_BASIC (user:password) in the environment.',
  )
  .showHelpAfterError('(--help says what is possible)')

const client = () =>
  createClient({
    url: program.opts<{ url: string }>().url,
    token: process.env['PROVISIONER_TOKEN'],
    basic: process.env['PROVISIONER_BASIC'],
  })
const isJson = () => program.opts<{ json?: boolean }>().json ?? false

// `serve` and `demo` load the whole controller, which no other command should wait for.
const serveCommand = program
  .command('serve')
  .description('run a controller; settings are flags or environment variables of the same name')
for (const setting of settings) {
  const preset = setting.default ?? setting.otherwise
  serveCommand.option(
    `--${setting.flag} <value>`,
    preset === undefined ? setting.help : `${setting.help} (default: ${preset})`,
  )
  if (setting.secret) serveCommand.option(`--${setting.flag}-file <path>`, `file with ${setting.name}`)
}
serveCommand.action(async (_options: unknown, command: Command) => {
  const { serve } = await import('./controller/serve.ts')
  process.exitCode = await serve({ env: settingsEnvironment(), flags: flagsOf(command) })
})

program
  .command('demo')
  .description('everything once: a controller, a simulated server, one job from request to report')
  .option('--keep', 'leave it running until interrupted')
  .action(async (options: { keep?: boolean }) => {
    const { demo } = await import('./demo/demo.ts')
    process.exitCode = await demo({ keep: options.keep ?? false })
  })

/** Commands by name, each with what adds it. Only those that the command line names are loaded: `job list` waits for no simulator. */
const families: Readonly<Record<string, () => Promise<unknown>>> = {
  serve: async () => {},
  demo: async () => {},
  simulate: async () => (await import('./cli/simulate.ts')).simulateCommand(program, isJson),
  server: async () => {
    const [{ serverCommands }, { recordCommand }] = await Promise.all([
      import('./cli/server.ts'),
      import('./cli/record.ts'),
    ])
    recordCommand(serverCommands(program, client, isJson), client, isJson)
  },
  job: async () => (await import('./cli/job.ts')).jobCommands(program, client, isJson),
  events: async () => (await import('./cli/events.ts')).eventCommands(program, isJson),
  replay: async () => (await import('./cli/replay.ts')).replayCommand(program, client, isJson),
  'what-if': async () => (await import('./cli/what-if.ts')).whatIfCommand(program, client, isJson),
  audit: async () => (await import('./cli/database.ts')).auditCommands(program, isJson),
  db: async () => (await import('./cli/database.ts')).databaseCommands(program, isJson),
  archive: async () => (await import('./cli/archive.ts')).archiveCommands(program, isJson),
}
const named = Object.keys(families).filter((name) => process.argv.includes(name))
// None: the help of all, or a name that is to be answered with those that there are.
for (const name of named.length > 0 ? named : Object.keys(families)) await families[name]?.()

/** The environment without the names that are this program's own, which are no settings of a controller. */
function settingsEnvironment(): NodeJS.ProcessEnv {
  const { PROVISIONER_URL, PROVISIONER_TOKEN, PROVISIONER_BASIC, ...env } = process.env
  return env
}

/** Only what was given, by flag name: commander adds defaults and turns names into camel case. */
function flagsOf(command: Command): Record<string, string> {
  const given = command.options.filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli')
  return Object.fromEntries(
    given.map((option) => [option.name(), String(command.getOptionValue(option.attributeName()))]),
  )
}

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode
  else {
    process.stderr.write(`provisioner: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}
