/** `provisioner serve`, which also ends with its parent. Settings come from the environment. */
import { serve } from '../../../deploy/controller/serve.ts'

process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
process.exitCode = await serve({ env: process.env, flags: {} })
if (process.connected) process.disconnect?.()
