/** Serves a recording as a BMC, over HTTP, until it is closed. */
import { randomUUID } from 'node:crypto'
import { isIPv6 } from 'node:net'
import type { SimulatedHost } from '../host/host.ts'
import { Outbound } from '../host/outbound.ts'
import { Faults } from '../socket/faults.ts'
import { Listener, type LoggedRequest } from '../socket/listener.ts'
import { Background } from '../world/background.ts'
import { defaultTiming, realClock } from '../world/timing.ts'
import { createRecordedBmc } from './bmc.ts'
import type { RecordedFile } from './file.ts'

export type RecordedServerOptions = {
  readonly file: RecordedFile
  readonly password: string
  /** 127.0.0.1 by default. */
  readonly host?: string
  /** 0, the default, takes a free port. */
  readonly port?: number
  /** Divides every delay of the host: 1 by default. */
  readonly speed?: number
  /** PEM of the CA that the host trusts when it fetches over https; by default those that Node trusts. */
  readonly trusted?: string
}

export type RecordedServer = {
  /** The serial with which the server must be registered so that its job goes as it did. */
  readonly serial: string
  readonly url: string
  readonly username: string
  readonly password: string
  readonly host: SimulatedHost
  readonly requests: readonly LoggedRequest[]
  /** Writes that were recorded and not sent yet. */
  readonly outstanding: () => readonly string[]
  readonly close: () => Promise<void>
}

/** @throws the error of a port that cannot be had; RangeError for options that make no sense. */
export async function serveRecording(options: RecordedServerOptions): Promise<RecordedServer> {
  const { file, password, host = '127.0.0.1', port = 0 } = options
  const { serial, username } = file.header
  const background = new Background()
  const outbound = new Outbound({ trusted: options.trusted })
  const world = {
    background,
    outbound,
    clock: realClock(options.speed),
    // The slot has the image as soon as the BMC says so: the recording contains the delay.
    timing: { ...defaultTiming, mediaAttachMs: 0, mediaDetachMs: 0, powerOffMs: 0 },
    newId: randomUUID,
  }
  const bmc = createRecordedBmc(file, { account: { username, password }, world })
  const listener = new Listener({
    bmc,
    faults: new Faults(Math.random),
    closing: background.closing,
    certificate: null,
    control: null,
    onRequest: () => {},
  })
  const close = async () => {
    await background.close()
    await listener.close()
    await outbound.close()
  }
  try {
    const bound = await listener.listen({ host, port })
    return {
      serial,
      username,
      password,
      url: `http://${isIPv6(host) ? `[${host}]` : host}:${bound}`,
      host: bmc.host,
      get requests() {
        return listener.requests
      },
      outstanding: bmc.outstanding,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
