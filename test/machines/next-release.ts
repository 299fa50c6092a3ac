/**
 * The worked example of a changed event, as a release to come would bring it: `cancel.requested` has been recorded in
 * version 1 as `{reason}`; version 2 also told how urgent it was, version 3 calls the reason a note. The machine knows
 * version 3 only.
 */
import { assign } from 'xstate'
import { z } from 'zod'
import type { EventCatalogue } from '../../machines/event.ts'
import { createEvolve } from '../../machines/evolve.ts'
import { jobEvents } from '../../machines/job/events.ts'
import { type JobSnapshot, jobMachine } from '../../machines/job/machine.ts'
import { jobUpcasts } from '../../machines/job/upcasts.ts'
import { type Kinds, kinds } from '../../machines/kinds.ts'
import { createUpcast, type Upcasts } from '../../machines/upcast.ts'

const cancelled = z.strictObject({ note: z.string().nullable(), urgency: z.enum(['at once', 'in time', 'unknown']) })

export const nextEvents: EventCatalogue = { ...jobEvents, 'cancel.requested': { version: 3, data: cancelled } }

type Version1 = { readonly reason: string | null }
type Version2 = Version1 & { readonly urgency: 'at once' | 'in time' | 'unknown' }

export const nextUpcasts: Upcasts = {
  ...jobUpcasts,
  'cancel.requested': {
    // Nobody was asked then.
    1: (data) => ({ ...(data as Version1), urgency: 'unknown' }) satisfies Version2,
    2: (data) => {
      const { reason, ...rest } = data as Version2
      return { ...rest, note: reason }
    },
  },
}

const nextMachine = jobMachine.provide({
  actions: {
    recordCancel: assign(({ event }) => {
      const { note, urgency } = cancelled.parse((event as { data: unknown }).data)
      return { outcome: 'cancelled', failure: { kind: 'cancel', message: `${note ?? ''} (${urgency})` } }
    }),
  },
})

const upcast = createUpcast(nextEvents, nextUpcasts)

export const nextKinds: Kinds = {
  ...kinds,
  job: {
    ...kinds.job,
    machineVersion: 'next',
    events: nextEvents,
    upcast,
    evolve: createEvolve<JobSnapshot>(nextMachine, upcast),
  },
}
