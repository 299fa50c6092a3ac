/** The controllers of a chaos run: each in a process and a storage folder of its own, killed and paused at will. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type ControllerProcess, freePort, startProcess } from '../e2e/processes.ts'
import { writeMaintenanceIso } from '../e2e/storage.ts'

export type Fleet = {
  readonly portsUp: () => readonly number[]
  /** Kills one and starts it again. */
  readonly kill: (index: number) => Promise<void>
  /** Stops the process for a while; it comes back by itself. */
  readonly pause: (index: number, forMs: number) => void
  /** Waits until all are up again. */
  readonly settle: () => Promise<void>
  readonly stop: () => Promise<void>
  readonly kills: () => number
  readonly pauses: () => number
  /** Controllers that ended by themselves, and were started again. */
  readonly crashes: () => number
}

export const leaseTtlMs = 5000

type Member = {
  readonly port: number
  readonly env: NodeJS.ProcessEnv
  process: ControllerProcess | null
  paused: Promise<void> | null
}

export async function startFleet(options: {
  readonly count: number
  readonly folder: string
  readonly settings: NodeJS.ProcessEnv
}): Promise<Fleet> {
  const members = await Promise.all(
    Array.from({ length: options.count }, async (_, index): Promise<Member> => {
      const port = await freePort()
      const storage = join(options.folder, `controller-${index}`)
      await mkdir(join(storage, 'images'), { recursive: true })
      await writeMaintenanceIso(storage)
      const env = {
        ...options.settings,
        STORAGE_ROOT: storage,
        HTTP_ADDR: `127.0.0.1:${port}`,
        SECRETS_KEY: Buffer.alloc(32, 7).toString('base64'),
        REDFISH_MODE: 'http',
        REDFISH_TIMEOUT: '5s',
        JOB_LEASE_TTL: `${leaseTtlMs}ms`,
        BUDGET_WEBHOOK_WAIT: '30s',
      }
      return { port, env, process: null, paused: null }
    }),
  )
  let [kills, pauses, crashes] = [0, 0, 0]
  let stopping = false
  const up = async (member: Member) => {
    for (;;) {
      try {
        const process = await startProcess(member.env)
        member.process = process
        void process.ended.then(() => restarted(member, process))
        return
      } catch (error) {
        // The database may be down at this moment: an init system would start it again, too.
        if (!(error instanceof Error)) throw error
        await delay(500)
      }
    }
  }
  /** What an init system does with a process that ended by itself. */
  const restarted = async (member: Member, process: ControllerProcess) => {
    if (stopping || member.process !== process) return
    crashes += 1
    member.process = null
    await up(member)
  }
  await Promise.all(members.map(up))
  const memberAt = (index: number) => {
    const member = members[index]
    if (member === undefined) throw new RangeError(`there is no controller ${index}`)
    return member
  }

  return {
    portsUp: () => members.flatMap(({ port, process, paused }) => (process !== null && paused === null ? [port] : [])),
    kill: async (index) => {
      const member = memberAt(index)
      if (member.paused !== null || member.process === null) return
      kills += 1
      const { process } = member
      member.process = null
      await process.kill()
      await up(member)
    },
    pause: (index, forMs) => {
      const member = memberAt(index)
      const { process } = member
      if (member.paused !== null || process === null) return
      pauses += 1
      process.pause()
      member.paused = delay(forMs).then(() => {
        process.resume()
        member.paused = null
      })
    },
    settle: async () => {
      await Promise.all(members.map(({ paused }) => paused))
    },
    stop: async () => {
      stopping = true
      await Promise.all(members.map(({ process }) => process?.stop()))
    },
    kills: () => kills,
    pauses: () => pauses,
    crashes: () => crashes,
  }
}
