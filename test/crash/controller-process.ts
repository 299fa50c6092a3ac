/**
 * A controller in a process of its own that tells its parent of every seam it passes, and kills or stops itself at one of
 * them: SIGKILL, so that nothing is tidied up; SIGSTOP, so that everything but time stands still. Time as services see it runs ten times as fast; everything else is `serve`, the Redfish client's waits included.
 */
import { setTimeout as timer } from 'node:timers/promises'
import type { Timing } from '../../actors/timing.ts'
import { startController } from '../../deploy/controller/controller.ts'
import { createLog } from '../../deploy/controller/log.ts'
import { readConfig } from '../../deploy/settings/config.ts'
import { quickRedfish } from '../e2e/rig/quick-redfish.ts'
import { patience } from '../rig/patience.ts'
import type { Orders } from './controller.ts'

const { controllerId, killAt, stopAt } = JSON.parse(process.argv[2] ?? '{}') as Orders
const speed = 10
const timing: Timing = {
  now: () => performance.now() * speed,
  delay: (delayMs, signal) => timer(delayMs / speed, undefined, { signal }),
}

let stopped = false
const reading = readConfig({ env: process.env, flags: {}, readFile: () => '' })
if (!reading.ok) throw new Error(reading.faults.join('\n'))
const controller = await startController({
  config: reading.config,
  log: createLog({ level: 'warn', controller: controllerId }),
  controllerId,
  signal: patience(),
  redfishLimits: quickRedfish,
  timing,
  onSeam: (seam) => {
    // Ends this very line: SIGKILL to oneself is delivered before kill(2) returns.
    if (seam === killAt) process.kill(process.pid, 'SIGKILL')
    process.send?.({ seam })
    if (seam !== stopAt || stopped) return
    stopped = true
    process.kill(process.pid, 'SIGSTOP')
  },
})
process.send?.({ url: controller.url })
process.once('SIGTERM', async () => {
  await controller.stop()
  process.disconnect?.()
})
