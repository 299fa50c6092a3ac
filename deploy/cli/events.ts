/** `provisioner events tail`: prints events from NATS, as subscribers receive them. */
import { join } from 'node:path'
import type { Command } from 'commander'
import { connect, consumerOpts } from 'nats'
import { readIfPresent } from '../local/files.ts'
import { dim, output } from './output.ts'

type CloudEvent = {
  readonly id: string
  readonly type: string
  readonly subject?: string
  readonly time: string
  readonly data: unknown
}

export function eventCommands(program: Command, isJson: () => boolean): void {
  program
    .command('events')
    .description('follow the events on NATS')
    .command('tail')
    .description('print events as they are published')
    .option('--nats-url <url>', "NATS server (default: NATS_URL, else the local controller's)")
    .option('--subject <pattern>', 'print only events of these subjects', 'provisioner.v1.>')
    .option('--all', 'begin with the first stored event instead of the next one')
    .action(async (options: { natsUrl?: string; subject: string; all?: boolean }) => {
      const connection = await connect({
        servers: (options.natsUrl ?? (await defaultUrl())).split(','),
        name: 'provisioner events tail',
        maxReconnectAttempts: -1,
      })
      const wanted = consumerOpts().orderedConsumer()
      if (options.all) wanted.deliverAll()
      else wanted.deliverNew()
      process.once('SIGINT', () => void connection.close())
      const manager = await connection.jetstreamManager()
      const streams = await manager.streams.names(options.subject).next()
      if (streams.length === 0) {
        await connection.close()
        throw new Error(
          `nothing is published under ${options.subject} there: has a controller published to this NATS server yet?`,
        )
      }
      const subscription = await connection.jetstream().subscribe(options.subject, wanted)
      for await (const message of subscription) {
        const event = message.json<CloudEvent>()
        if (isJson()) output.line(JSON.stringify(event))
        else output.line(`${dim(event.time)}  ${message.subject}  ${dim(JSON.stringify(event.data)).slice(0, 200)}`)
      }
    })
}

/** `NATS_URL`, else the server that a local controller has started in `STORAGE_ROOT`, else NATS's usual port. */
async function defaultUrl(): Promise<string> {
  const { NATS_URL, STORAGE_ROOT = '.data' } = process.env
  const port = NATS_URL === undefined ? await readIfPresent(join(STORAGE_ROOT, 'nats', 'port')) : undefined
  return NATS_URL ?? `nats://127.0.0.1:${port?.trim() ?? '4222'}`
}
