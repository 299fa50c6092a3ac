/** The controllers of a chaos run: each in a process and a storage folder of its own, killed and paused at will. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type ControllerProcess, freePort, startProcess } from '../e2e/rig/processes.ts'
import { writeMaintenanceIso } from '../e2e/rig/storage.ts'

export type Fleet = {
  readonly portsUp: () => readonly number[]
  /** Kills one and starts it again. */
  readonly kill: (index: number) => Promise<void>
  /** Stops the process for a while (SIGSTOP) and resolves when it goes on. */
  readonly pause: (index: number, forMs: number) => Promise<void>
  readonly stop: () => Promise<void>
  readonly kills: () => number
  readonly pauses: () => number
  /** Controllers that ended by themselves, and were started again. */
  readonly crashed: readonly number[]
}

const restartEveryMs = 500

type Member = {
  readonly port: number
  readonly env: NodeJS.ProcessEnv
  process: ControllerProcess | null
  paused: boolean
}

/** Resolves once all are up. The signal ends waiting for those that do not come up. */
export async function startFleet(options: {
  readonly count: number
  readonly folder: string
  readonly settings: NodeJS.ProcessEnv
  readonly signal: AbortSignal
}): Promise<Fleet> {
  const members = await Promise.all(
    Array.from({ length: options.count }, async (_, index): Promise<Member> => {
      const port = await freePort()
      const storage = join(options.folder, `chaos-controller-${index}`)
      await writeMaintenanceIso(storage)
      const env = {
        ...options.settings,
        STORAGE_ROOT: storage,
        HTTP_ADDR: `127.0.0.1:${port}`,
        SECRETS_KEY: Buffer.alloc(32, 7).toString('base64'),
        REDFISH_MODE: 'http',
      }
      return { port, env, process: null, paused: false }
    }),
  )
  let [kills, pauses] = [0, 0]
  const crashed: number[] = []
  let stopping = false
  const up = async (member: Member) => {
    while (!stopping) {
      try {
        const process = await startProcess(member.env)
        if (stopping) return process.kill()
        member.process = process
        void process.ended.then(() => restarted(member, process))
        return
      } catch (error) {
        // The database may be down at this moment: an init system would start it again, too.
        if (!(error instanceof Error)) throw error
        await delay(restartEveryMs, undefined, { signal: options.signal })
      }
    }
  }
  /** What an init system does with a process that ended by itself. */
  const restarted = async (member: Member, process: ControllerProcess) => {
    if (stopping || member.process !== process) return
    crashed.push(members.indexOf(member))
    member.process = null
    await up(member)
  }
  const stop = async () => {
    stopping = true
    // One that is paused would not hear.
    for (const { process } of members) process?.resume()
    await Promise.all(members.map(({ process }) => process?.stop()))
  }
  try {
    await Promise.all(members.map(up))
  } catch (error) {
    await stop()
    throw error
  }
  const memberAt = (index: number) => {
    const member = members[index]
    if (member === undefined) throw new RangeError(`there is no controller ${index}`)
    return member
  }

  return {
    portsUp: () => members.flatMap(({ port, process, paused }) => (process !== null && !paused ? [port] : [])),
    kill: async (index) => {
      const member = memberAt(index)
      // One that ended by itself is being started already.
      if (member.process === null) return
      kills += 1
      const { process } = member
      member.process = null
      await process.kill()
      await up(member)
    },
    pause: async (index, forMs) => {
      const member = memberAt(index)
      const { process } = member
      if (process === null) return
      pauses += 1
      member.paused = true
      process.pause()
      await delay(forMs)
      process.resume()
      member.paused = false
    },
    stop,
    kills: () => kills,
    pauses: () => pauses,
    crashed,
  }
}
