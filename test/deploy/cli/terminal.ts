// Commands against an API on a real database that listens on a port: as the program that people
// start, and in this process, which is faster.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { createAdaptorServer } from '@hono/node-server'
import { Command, CommanderError } from 'commander'
import { afterAll, vi } from 'vitest'
import { type Client, createClient } from '../../../deploy/cli/client.ts'
import { replayCommand } from '../../../deploy/cli/replay.ts'
import { serverCommands } from '../../../deploy/cli/server.ts'
import { whatIfCommand } from '../../../deploy/cli/what-if.ts'
import type { Site } from '../../api/site.ts'
import { patienceMs } from '../../rig/patience.ts'
import { processEnv } from '../../rig/process-env.ts'

export type Ended = { readonly status: number; readonly text: string; readonly errors: string }
export type Terminal = {
  readonly client: Client
  readonly run: (...words: readonly string[]) => Promise<Ended>
  readonly runProgram: (...words: readonly string[]) => Promise<Ended>
}

const file = resolve(import.meta.dirname, '../../../deploy/cli.ts')

/** Closed after the file's last test. */
export async function openTerminal({ app }: Pick<Site, 'app'>): Promise<Terminal> {
  const server = createAdaptorServer({ fetch: app.fetch })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  afterAll(async () => {
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const client = createClient({ url })
  return {
    client,
    run: (...words) => runHere(client, words),
    runProgram: (...words) =>
      new Promise((done) => {
        execFile(
          process.execPath,
          [file, '--url', url, ...words],
          { env: processEnv, timeout: patienceMs },
          (error, text, errors) =>
            done({
              status: error === null ? 0 : Number(error.code ?? Number.NaN),
              text: stripVTControlCharacters(text),
              errors,
            }),
        )
      }),
  }
}

/** Runs a command of the API's client in this process. */
export function runHere(client: Client, words: readonly string[]): Promise<Ended> {
  return runCommands(words, (program, isJson) => {
    replayCommand(program, () => client, isJson)
    whatIfCommand(program, () => client, isJson)
    serverCommands(program, () => client, isJson)
  })
}

/** Runs one of these commands in this process. */
export async function runCommands(
  words: readonly string[],
  add: (program: Command, isJson: () => boolean) => void,
): Promise<Ended> {
  let text = ''
  let errors = ''
  const program = new Command('provisioner')
    .option('--json')
    .exitOverride()
    .configureOutput({ writeErr: (line) => (errors += line) })
  const isJson = () => program.opts<{ json?: boolean }>().json ?? false
  add(program, isJson)
  const written = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += String(chunk)
    return true
  })
  process.exitCode = undefined
  try {
    await program.parseAsync(words, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) errors += String(error)
    process.exitCode = error instanceof CommanderError ? error.exitCode : 1
  } finally {
    written.mockRestore()
  }
  const status = Number(process.exitCode ?? 0)
  process.exitCode = undefined
  return { status, text: stripVTControlCharacters(text), errors }
}
