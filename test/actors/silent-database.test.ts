/** A controller whose way to the database swallows everything for a while: its loops go on when the way is back. */
import { expect, onTestFinished, test } from 'vitest'
import { createSweep } from '../../actors/sweep.ts'
import type { JobEventData } from '../../machines/job/events.ts'
import { jobStream } from '../../machines/kinds.ts'
import { happened } from '../machines/job/samples.ts'
import { openLine } from '../rig/line.ts'
import { patience } from '../rig/patience.ts'
import { controllerParts, databaseOfTest, fireDeadlines, perform } from './rig/controller.ts'
import { gate, scriptedServices } from './rig/scripted-services.ts'

const silenceTimeoutMs = 1500

test('effects are performed and deadlines fire after a silence in the middle of a step that writes to a BMC', async () => {
  const line = await openLine(await databaseOfTest())
  onTestFinished(() => line.close())
  const parts = await controllerParts(line.url, { silenceTimeoutMs, budgets: { redfish_poll_ms: 8000 } })
  // Stays at work through the silence; its right to write to the BMC and its lease are renewed twice a second.
  const mount = gate(
    () => happened('redfish.mount.maintenance.succeeded').data as JobEventData<'redfish.mount.maintenance.succeeded'>,
  )
  const poll = gate(() => happened('redfish.poll.succeeded').data as JobEventData<'redfish.poll.succeeded'>)
  perform(parts, scriptedServices({ mountMaintenance: mount.perform, pollHost: poll.perform }), { leaseTtlMs: 1500 })
  fireDeadlines(parts)
  const sweep = createSweep({ ...parts, leaseTtlMs: 1500 })
  await parts.register('SN-0001')
  const job = jobStream(await parts.requestJob('SN-0001'))
  await mount.entered()

  line.swallow('everything')
  await expect(sweep.run(patience())).rejects.toThrow()
  const said = (pattern: RegExp) => parts.logged.some(({ message }) => pattern.test(message))
  await expect
    .poll(() =>
      [
        /leases could not be looked at|effects could not be leased/,
        /deadlines could not be read/,
        /right to write/,
      ].map(said),
    )
    .toEqual([true, true, true])
  line.restore()
  mount.open()

  const mounted = await parts.eventOf(job, 'redfish.reset.succeeded')
  await parts.eventOf(job, 'redfish.poll.elapsed', mounted.version)
  await expect(sweep.run(patience())).resolves.toMatchObject({ whole: true })
})
