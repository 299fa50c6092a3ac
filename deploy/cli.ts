#!/usr/bin/env node
/** The command line. `serve`, `demo`, `simulate` run things; `audit`, `archive` and `db` open the database; the rest is the API's client. */
import { Command, CommanderError } from 'commander'
import { createClient } from './cli/client.ts'
import { settings } from './settings/table.ts'

const program = new Command('provisioner')
  .description('installs operating systems on bare servers through their BMC alone')
  .option(
    '--url <url>',
    'URL of the controller (or PROVISIONER_URL)',
    process.env['PROVISIONER_URL'] ?? 'http://127.0.0.1:8080',
  )
  .option('--json', 'print JSON')
  .addHelpText(
    'after',
    '\nTo authenticate, set PROVISIONER_TOKEN (a JWT) or PROVISIONER_BASIC (user:password) in the environment.',
  )
  .showHelpAfterError('(--help lists the commands and options)')

const client = () =>
  createClient({
    url: program.opts<{ url: string }>().url,
    token: process.env['PROVISIONER_TOKEN'],
    basic: process.env['PROVISIONER_BASIC'],
  })
const isJson = () => program.opts<{ json?: boolean }>().json ?? false

// `serve` and `demo` load the whole controller when they run: the other commands start without it.
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
  .description('run a controller and a simulated server, and one job from request to report')
  .option('--keep', 'leave everything running until Ctrl-C')
  .action(async (options: { keep?: boolean }) => {
    const { demo } = await import('./demo/demo.ts')
    process.exitCode = await demo({ keep: options.keep ?? false })
  })

/** Each command by name, with the function that adds it. A run loads only the commands in its arguments: `job list` loads no simulator. */
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
// Without any, commander prints the help of all, or the names that an unknown one resembles: both need all commands.
for (const name of named.length > 0 ? named : Object.keys(families)) await families[name]?.()

/** The environment without the variables of the command line itself: they are not settings of a controller. */
function settingsEnvironment(): NodeJS.ProcessEnv {
  const { PROVISIONER_URL, PROVISIONER_TOKEN, PROVISIONER_BASIC, ...env } = process.env
  return env
}

/** The flags that were given, by their name in kebab-case; commander's own record has defaults and camel case. */
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
