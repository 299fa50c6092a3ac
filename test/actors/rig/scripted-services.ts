/** The performer's port, filled with functions: every service answers at once as if all had gone well, or as told. */
import type { Service, ServiceContext, Services, ServiceTable } from '../../../actors/service.ts'
import type { JobEventData, jobEvents } from '../../../machines/job/events.ts'
import type { ServerEventData, serverEvents } from '../../../machines/server/events.ts'
import { happened } from '../../machines/job/samples.ts'
import { happened as happenedToServer } from '../../machines/server/samples.ts'

type Script = { readonly [Name in keyof Services]?: Service<Name>['perform'] }

const ofJob = <Type extends keyof typeof jobEvents>(type: Type) => happened(type).data as JobEventData<Type>
const ofServer = <Type extends keyof typeof serverEvents>(type: Type) =>
  happenedToServer(type).data as ServerEventData<Type>

function reader<Name extends keyof Services>(perform: Service<Name>['perform']): Service<Name> {
  return { writesBmc: false, perform }
}

function writer<Name extends keyof Services>(perform: Service<Name>['perform']): Service<Name> {
  return { writesBmc: true, perform }
}

export function scriptedServices(script: Script = {}): ServiceTable {
  return {
    admitJob: reader(script.admitJob ?? (async () => ofJob('job.admission.succeeded'))),
    buildIso: reader(script.buildIso ?? (async () => ofJob('iso.build.succeeded'))),
    discover: reader(script.discover ?? (async () => ofJob('redfish.discover.succeeded'))),
    buildMedium: reader(script.buildMedium ?? (async () => ofJob('media.build.succeeded'))),
    mountMaintenance: writer(script.mountMaintenance ?? (async () => ofJob('redfish.mount.maintenance.succeeded'))),
    mountTask: writer(script.mountTask ?? (async () => ofJob('redfish.mount.task.succeeded'))),
    setBootOverride: writer(script.setBootOverride ?? (async () => ofJob('redfish.boot-override.succeeded'))),
    resetHost: writer(
      script.resetHost ??
        (async (_input, { record }) => {
          await record(happened('redfish.reset.requested'))
          return ofJob('redfish.reset.succeeded')
        }),
    ),
    pollHost: reader(script.pollHost ?? (async () => ofJob('redfish.poll.succeeded'))),
    powerOffHost: writer(script.powerOffHost ?? (async () => ofJob('cleanup.power-off.succeeded'))),
    unmountMedia: writer(script.unmountMedia ?? (async () => ofJob('cleanup.unmount.succeeded'))),
    clearBootOverride: writer(script.clearBootOverride ?? (async () => ofJob('cleanup.boot-override.succeeded'))),
    powerOnHost: writer(script.powerOnHost ?? (async () => ofJob('cleanup.reset.succeeded'))),
    releaseServer: reader(script.releaseServer ?? (async () => ofJob('server.release.succeeded'))),
    probeServer: reader(script.probeServer ?? (async () => ofServer('server.probe.succeeded'))),
    switchPower: writer(script.switchPower ?? (async () => ofServer('server.power.succeeded'))),
    cleanUpServer: writer(script.cleanUpServer ?? (async () => ofServer('server.cleanup.succeeded'))),
  }
}

export type Gate<Input, Output> = {
  readonly perform: (input: Input, context: ServiceContext<never>) => Promise<Output>
  /** Resolves when it has been entered that often, with what the latest of these was given. */
  readonly entered: (times?: number) => Promise<{ readonly input: Input; readonly context: ServiceContext<never> }>
  /** Lets everybody through, those who are waiting and those who come. */
  readonly open: () => void
  readonly insideMax: () => number
}

/** A service that waits until the test lets it go on, and stops at its signal. */
export function gate<Input, Output>(
  output: (input: Input, context: ServiceContext<never>) => Output,
): Gate<Input, Output> {
  const opened = Promise.withResolvers<void>()
  const entries: { input: Input; context: ServiceContext<never> }[] = []
  const waiting: (() => void)[] = []
  let inside = 0
  let insideMax = 0
  return {
    perform: async (input, context) => {
      entries.push({ input, context })
      inside += 1
      insideMax = Math.max(insideMax, inside)
      for (const wake of waiting.splice(0)) wake()
      try {
        await Promise.race([opened.promise, abortOf(context.signal)])
        return output(input, context)
      } finally {
        inside -= 1
      }
    },
    entered: async (times = 1) => {
      for (;;) {
        const entry = entries[times - 1]
        if (entry !== undefined) return entry
        await new Promise<void>((resolve) => waiting.push(resolve))
      }
    },
    open: opened.resolve,
    insideMax: () => insideMax,
  }
}

/** Rejects with the signal's reason when it aborts. */
function abortOf(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>()
  if (signal.aborted) reject(signal.reason)
  signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  return promise
}
