/**
 * Reads, fills and empties one slot: by its standard actions, by writing it, or in a vendor's own way, as its documents
 * show (quirks.md 5). The caller checks the effect (insert-and-eject.ts).
 */
import { BmcError } from '../../failure.ts'
import { EJECTS_MAX } from '../../learned.ts'
import { mindsTheRequest, refusalOf } from '../answers/refusal.ts'
import type { Call } from '../call.ts'
import { valueAt } from '../documents/pointer.ts'
import { isDoc, linkOf } from '../documents/resource.ts'
import type { SlotStep, SlotWay, Template } from '../quirks/slot-ways.ts'
import type { Answer } from '../service/answer.ts'
import type { Service } from '../service/service.ts'
import { followTask } from '../service/tasks.ts'
import { until } from '../service/until.ts'
import type { Located } from '../system/locate.ts'
import type { InsertLadder } from './insert-ladder.ts'
import { fillOfCollection, stateOfCollection } from './mounted.ts'
import { wayOf } from './slot-search.ts'
import { hasMediaAction, type MediaState, mediaAction, mediaState, namesImage, tellsMedia } from './slots.ts'

export type SlotDriver = {
  readonly path: string
  readonly operation: string
  /** The media of the slot as the last read of it shows them; a request only where no document has that. */
  lastState(): Promise<MediaState>
  /** Reads the slot for the media that it holds now. */
  state(): Promise<MediaState>
  insert(image: string): Promise<void>
  /** Requests that may empty the slot by its last read, best first. */
  ejects(): readonly (() => Promise<void>)[]
}

/** Reads the slot and chooses the way that it shows. */
export async function driveSlot(
  service: Service,
  call: Call,
  context: { readonly located: Located; readonly ladder: InsertLadder; readonly path: string },
): Promise<SlotDriver> {
  const slot = await service.readOnce(call, context.path, service.limits.handoverMsMax)
  const way = hasMediaAction(slot) ? null : wayOf(slot, context.located.system)
  learnEject(service, slot, way)
  return way === null
    ? standardDriver(service, call, tellingMedia(service, call, slot), context)
    : ownDriver(service, call, slot, way, context.located)
}

/** @throws BmcError `malformed` for a document that says nothing of media: it must not read as an empty slot. */
export function tellingMedia(service: Service, call: Call, slot: Answer): Answer {
  if (tellsMedia(slot.doc)) return slot
  const { path } = slot
  const failure = { kind: 'malformed', retry: false, path, detail: 'neither Image nor Inserted in a slot' } as const
  throw service.fail(call, failure, { method: 'GET', target: path })
}

function standardDriver(
  service: Service,
  call: Call,
  first: Answer,
  { located, ladder }: { readonly located: Located; readonly ladder: InsertLadder },
): SlotDriver {
  const { profile } = located
  const { path } = first
  const wantsPrecondition = profile.ifMatch === 'always'
  let last = first
  const state = async () => {
    last = tellingMedia(service, call, await service.read(call, path))
    return mediaState(last.doc, profile)
  }
  const look = async () => !(await state()).inserted
  const patch = async (body: Readonly<Record<string, unknown>>) => {
    const written = await service.patch(call, last, { body, repeat: 'after-look', look, wantsPrecondition })
    await followTask(service, call, written)
  }
  const act = async (link: unknown) => {
    const target = service.follow(call, link, path)
    await followTask(service, call, await service.post(call, target, { body: {}, repeat: 'after-look', look }))
  }
  return {
    path,
    operation: hasMediaAction(first) ? 'action' : 'patch',
    lastState: async () => mediaState(last.doc, profile),
    state,
    insert: (image) => ladder.send(call, { current: last, image, profile, state }),
    ejects: () => {
      const action = mediaAction(last.doc, 'EjectMedia')
      return [
        ...(action === undefined ? [] : [() => act(action)]),
        // Second without `Inserted`, which iLO 4 does not know.
        () => patch({ Image: null, Inserted: false }),
        () => patch({ Image: null }),
      ]
    },
  }
}

function ownDriver(service: Service, call: Call, slot: Answer, way: SlotWay, located: Located): SlotDriver {
  const { path } = slot
  const documents = { slot: slot.doc, system: located.system.doc }
  /** The last read of the slot; null once the client wrote it. */
  let current: Answer | null = slot
  const state = async (): Promise<MediaState> => {
    if (way.shown === 'in-collection') return stateOfCollection(service, call, located, way)
    current = await service.read(call, path)
    return mediaState(current.doc, located.profile)
  }

  async function shows(look: () => Promise<boolean>): Promise<boolean> {
    const { confirmTimeoutMs: timeoutMs, confirmPollMs: pollMs } = service.limits
    return (await until(service, call, { timeoutMs, pollMs }, async () => ((await look()) ? true : null))) !== null
  }

  async function take(step: SlotStep, image: string, look: () => Promise<boolean>): Promise<void> {
    if (step.kind === 'write') {
      const wantsPrecondition = located.profile.ifMatch === 'always'
      const body = fill(step.body, image)
      const before = current ?? (await service.read(call, path))
      current = null
      await followTask(service, call, await service.patch(call, before, { body, repeat: 'always', wantsPrecondition }))
      return
    }
    current = null
    const action = valueAt(documents, step.action)
    const target = service.follow(call, isDoc(action) ? action['target'] : action, path)
    const readTimeoutMs = service.limits.insertReadTimeoutMs
    for (const [index, body] of step.bodies.entries()) {
      try {
        const write = { body: fill(body, image), repeat: 'after-look', look, readTimeoutMs } as const
        await followTask(service, call, await service.post(call, target, write))
        return
      } catch (error) {
        const refusal = refusalOf(error)
        if (refusal === null) throw error
        // An earlier attempt may have worked: iRMC then refuses the action and shows the effect after seconds.
        if (wasRepeated(error) && (await shows(look))) return
        if (!mindsTheRequest(refusal) || index === step.bodies.length - 1) throw error
        call.countRepeat()
      }
    }
  }

  return {
    path,
    operation: way.name,
    lastState: async () =>
      way.shown === 'in-slot' ? mediaState(slot.doc, located.profile) : fillOfCollection(service, call, located, way),
    state,
    insert: async (image) => {
      const look = async () => {
        const now = await state()
        // A named image counts, as on the ladder: it may be attached moments later, and a second insert would be refused.
        return now.image === null ? now.inserted : namesImage(now, image)
      }
      for (const step of way.insert) await take(step, image, look)
    },
    ejects: () => [
      async () => {
        for (const step of way.eject) await take(step, '', async () => !(await state()).inserted)
        // iRMC needs a moment between disconnecting and connecting (quirks.md 6).
        await service.pause(call, service.limits.ejectSettleMs)
      },
    ],
  }
}

function wasRepeated(error: unknown): boolean {
  return error instanceof BmcError && error.attempts > 1
}

/** Bound on a target that the client learns. */
const LINK_CHARS_MAX = 512

/** Learns the eject target when it is a single action with an empty body whose effect shows in the slot. */
function learnEject({ memory }: Service, slot: Answer, way: SlotWay | null): void {
  const target = linkOf(way === null ? mediaAction(slot.doc, 'EjectMedia') : ownEject(slot, way))
  const { [slot.path]: _, ...others } = memory.known().ejects ?? {}
  const kept = Object.entries(others).slice(1 - EJECTS_MAX)
  if (target !== null && target.length <= LINK_CHARS_MAX)
    memory.learn({ ejects: Object.fromEntries([...kept, [slot.path, target]]) })
}

function ownEject(slot: Answer, { eject, shown }: SlotWay): unknown {
  const [step, ...others] = eject
  if (step?.kind !== 'act' || others.length > 0 || shown !== 'in-slot') return undefined
  const [body] = step.bodies
  if (body === undefined || Object.keys(body).length > 0) return undefined
  const action = valueAt({ slot: slot.doc }, step.action)
  return isDoc(action) ? action['target'] : action
}

/** Fills a template with the parts of the image's URL. */
export function fill(template: Template, image: string): Readonly<Record<string, unknown>> {
  const url = URL.canParse(image) ? new URL(image) : null
  const segments = (url?.pathname ?? '').split('/')
  const parts: Readonly<Record<string, string>> = {
    url: image,
    origin: url?.origin ?? '',
    host: url?.host ?? '',
    path: url?.pathname ?? '',
    folder: segments.slice(0, -1).join('/'),
    file: segments.at(-1) ?? '',
    SCHEME: (url?.protocol ?? '').slice(0, -1).toUpperCase(),
  }
  const filled = (value: string | Template): unknown =>
    typeof value === 'string'
      ? value.replace(/\{(\w+)\}/g, (whole, name: string) => parts[name] ?? whole)
      : fill(value, image)
  return Object.fromEntries(Object.entries(template).map(([key, value]) => [key, filled(value)]))
}
