/** The ways in which a job can come to its end: what test/golden/histories records. */
import type { DomainEvent } from '../../../machines/event.ts'
import { evolveOf, fold } from '../given.ts'
import {
  happened,
  type JobEventType,
  slots,
  successfulWay,
  type WayState,
  wayStates,
  wayTo,
  wayToAnnouncedReset,
} from './samples.ts'

type Scenario = { readonly name: string; readonly events: readonly DomainEvent[] }

/** A history from here to its end, every effect that is asked for succeeding but those that are named. */
function toTheEnd(events: readonly DomainEvent[], failing: readonly string[] = []): readonly DomainEvent[] {
  const { next, pending } = evolveOf('job')
  const history = [...events]
  let snapshot = fold('job', events)
  while (!snapshot.hasTag('ended')) {
    const [key] = pending(snapshot).effects
    if (key === undefined) throw new Error(`nothing is under way after ${history.at(-1)?.type}`)
    const event = happened(`${key}.${failing.includes(key) ? 'failed' : 'succeeded'}` as JobEventType)
    history.push(event)
    snapshot = next(snapshot, event).snapshot
  }
  return history
}

const at = (state: WayState, ...then: readonly DomainEvent[]) => [...wayTo(state), ...then]

const failedSteps: readonly Scenario[] = successfulWay.flatMap(([type, _to], index) => {
  const from = successfulWay[index - 1]?.[1]
  if (from === undefined || !type.endsWith('.succeeded') || type.startsWith('cleanup') || type.startsWith('server'))
    return []
  const key = type.replace('.succeeded', '')
  return [{ name: `failed-${key}`, events: toTheEnd(at(from, happened(`${key}.failed` as JobEventType))) }]
})

const elapsed = (name: string, from: WayState): Scenario => ({
  name: `elapsed-${name}`,
  events: toTheEnd(at(from, happened(`${name}.elapsed` as JobEventType))),
})

const cancelled: readonly Scenario[] = wayStates
  .filter((state) => state === 'queued' || state.startsWith('provisioning'))
  .map((state) => ({
    name: `cancelled-${state}`,
    events: toTheEnd(at(state, happened('cancel.requested'))),
  }))

const waiting: WayState = 'provisioning.waitingForReport'
const reportOf = (unit: string) => happened('report.received', { status: 'failed', failed_step: unit })

const singleSlot = { kind: 'single-cd', maintenance: slots.maintenance, task: slots.maintenance }
const toldLayout = (layout: typeof singleSlot) => happened('redfish.discover.succeeded', { layout })
const baseDigest = 'c'.repeat(64)

/** From the mount of the task medium to the report. */
const fromTaskMount: readonly DomainEvent[] = [
  happened('redfish.mount.task.succeeded'),
  happened('redfish.boot-override.succeeded'),
  happened('redfish.reset.requested'),
  happened('redfish.reset.succeeded'),
  happened('redfish.poll.succeeded'),
  happened('report.received'),
]

const otherLayouts: readonly Scenario[] = [
  {
    name: 'succeeded-cd-and-usb',
    events: toTheEnd(
      at(
        'provisioning.redfish.discovering',
        toldLayout({ kind: 'cd-and-usb', ...slots }),
        happened('media.build.succeeded'),
        happened('redfish.mount.maintenance.succeeded'),
        ...fromTaskMount,
      ),
    ),
  },
  {
    name: 'succeeded-single-cd',
    events: toTheEnd(
      at(
        'provisioning.redfish.discovering',
        toldLayout(singleSlot),
        happened('media.build.succeeded', { form: 'merged', base_sha256: baseDigest, bytes: 1_000_000_000 }),
        ...fromTaskMount,
      ),
    ),
  },
  {
    name: 'failed-media.build',
    events: toTheEnd(at('provisioning.redfish.discovering', toldLayout(singleSlot), happened('media.build.failed'))),
  },
]

export const scenarios: readonly Scenario[] = [
  { name: 'succeeded', events: wayTo('complete') },
  {
    name: 'succeeded-with-evidence',
    events: toTheEnd([
      ...wayToAnnouncedReset(),
      happened('redfish.reset.requested', { reset_type: 'ForceRestart', reason: 'the host did not restart' }),
      happened('redfish.reset.resolved'),
      happened('redfish.reset.succeeded'),
      happened('media.read.observed', { medium: 'maintenance' }),
      happened('redfish.poll.succeeded'),
      happened('media.read.observed'),
      happened('progress.reported'),
      happened('report.received'),
      happened('report.duplicated'),
    ]),
  },
  { name: 'succeeded-report-while-polling', events: toTheEnd(at('provisioning.polling', happened('report.received'))) },
  {
    name: 'succeeded-report-while-resetting',
    events: toTheEnd([...wayToAnnouncedReset(), happened('report.received')]),
  },
  {
    name: 'succeeded-with-warnings',
    events: toTheEnd([
      ...wayTo('provisioning.redfish.mountingMaintenance'),
      happened('redfish.mount.maintenance.succeeded', { also_ejected: ['/redfish/v1/VirtualMedia/3'] }),
      happened('redfish.mount.task.succeeded'),
      happened('redfish.boot-override.succeeded', {
        warnings: ['the boot override reads Continuous Cd after Once Cd was written'],
      }),
      happened('redfish.reset.requested'),
      happened('redfish.reset.succeeded'),
      happened('redfish.poll.succeeded'),
      happened('report.received'),
    ]),
  },
  ...failedSteps,
  ...otherLayouts,
  {
    name: 'failed-redfish.reset-announced',
    events: toTheEnd([...wayToAnnouncedReset(), happened('redfish.reset.failed')]),
  },
  { name: 'failed-report', events: toTheEnd(at(waiting, reportOf('image-linux.service'))) },
  { name: 'failed-report-unknown-unit', events: toTheEnd(at(waiting, reportOf('site-special.service'))) },
  elapsed('job.admission', 'queued'),
  elapsed('iso.build', 'provisioning.buildingIso'),
  elapsed('redfish', 'provisioning.redfish.mountingTask'),
  elapsed('redfish.poll', 'provisioning.polling'),
  elapsed('webhook.wait', waiting),
  elapsed('job', waiting),
  elapsed('cleanup', 'cleaningUp.unmounting'),
  ...cancelled,
  ...(['cleanup.power-off', 'cleanup.unmount', 'cleanup.boot-override', 'cleanup.reset'] as const).map((key) => ({
    name: `dirty-${key}`,
    events: toTheEnd(wayTo('cleaningUp.poweringOff'), [key]),
  })),
  {
    name: 'release-tried-again',
    events: toTheEnd(
      at('releasing.asking', happened('server.release.failed'), happened('server.release.retry.elapsed')),
    ),
  },
  {
    name: 'succeeded-after-a-repair',
    events: toTheEnd(at('provisioning.polling', happened('actor.stall.observed'), happened('report.received'))),
  },
  {
    name: 'complete-late-facts',
    events: [
      ...wayTo('complete'),
      happened('report.duplicated', { delivery_id: 'late' }),
      happened('media.read.observed'),
    ],
  },
]
