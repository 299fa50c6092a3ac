#!/usr/bin/env node
/** The command line. `serve`, `demo`, `simulate` run things; `audit`, `archive` and `db` open the database; the rest is the API's client. */
import { Command, CommanderError } from 'commander'
import { archiveCommands } from './cli/archive.ts'
import { createClient } from './cli/client.ts'
import { databaseCommands } from './cli/database.ts'
import { eventCommands } from './cli/events.ts'
import { jobCommands } from './cli/job.ts'
import { recordCommand } from './cli/record.ts'
import { replayCommand } from './cli/replay.ts'
import { serverCommands } from './cli/server.ts'
import { simulateCommand } from './cli/simulate.ts'
import { whatIfCommand } from './cli/what-if.ts'
import { settings } from './settings.ts'

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
  const { serve } = await import('./serve.ts')
  process.exitCode = await serve({ env: settingsEnvironment(), flags: flagsOf(command) })
})

program
  .command('demo')
  .description('everything once: a controller, a simulated server, one job from request to report')
  .option('--keep', 'leave it running until interrupted')
  .action(async (options: { keep?: boolean }) => {
    const { demo } = await import('./demo.ts')
    process.exitCode = await demo({ keep: options.keep ?? false })
  })

simulateCommand(program, isJson)
recordCommand(serverCommands(program, client, isJson), client, isJson)
jobCommands(program, client, isJson)
eventCommands(program, isJson)
replayCommand(program, client, isJson)
whatIfCommand(program, client, isJson)
databaseCommands(program, isJson)
archiveCommands(program, isJson)

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
