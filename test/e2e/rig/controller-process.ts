/** A controller in a process of its own, to be killed: `serve` as it is, with waits that suit simulated BMCs. */

import { startController } from '../../../deploy/controller/controller.ts'
import { createLog } from '../../../deploy/controller/log.ts'
import { readConfig } from '../../../deploy/settings/config.ts'
import { patience } from '../../rig/patience.ts'
import { quickRedfish } from './quick-redfish.ts'

const reading = readConfig({ env: process.env, flags: {}, readFile: () => '' })
if (!reading.ok) throw new Error(reading.faults.join('\n'))
const controllerId = `e2e-${process.pid}`
const controller = await startController({
  config: reading.config,
  log: createLog({ level: 'info', controller: controllerId }),
  controllerId,
  signal: patience(),
  redfishLimits: quickRedfish,
})
process.send?.({ url: controller.url })
process.once('SIGTERM', async () => {
  await controller.stop()
  process.disconnect?.()
})
