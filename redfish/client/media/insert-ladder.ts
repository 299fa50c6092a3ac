/**
 * Sends an insert, and after a refusal the next body that fits the refusal (insert-body.ts), each body once. The client
 * learns the accepted body and begins with it the next time.
 */

import { type Refusal, refusalOf } from '../answers/refusal.ts'
import type { Call } from '../call.ts'
import type { Profile } from '../quirks/profile.ts'
import type { Answer } from '../service/answer.ts'
import type { Service } from '../service/service.ts'
import { followTask } from '../service/tasks.ts'
import { firstInsertBody, type InsertBody, insertRecipe, nextInsertBody } from './insert-body.ts'
import { type MediaState, mediaAction, namesImage } from './slots.ts'

/** Statuses of an action that is listed and not there, or not implemented: the client writes the slot itself instead. */
const NO_ACTION: ReadonlySet<number> = new Set([404, 405, 501])

type Attempt = { readonly body: InsertBody; readonly method: 'POST' | 'PATCH' }

type Insertion = {
  /** The last read of the slot, for its actions and its entity tag. */
  readonly current: Answer
  readonly image: string
  readonly profile: Profile
  readonly state: () => Promise<MediaState>
}

export type InsertLadder = {
  /** Resolves when the BMC accepted a body; rejects with the last refusal, or at once with any other error. */
  send(call: Call, insertion: Insertion): Promise<void>
}

export function createInsertLadder(service: Service): InsertLadder {
  async function attempt(
    call: Call,
    { current, image, profile, state }: Insertion,
    { method, body }: Attempt,
  ): Promise<{ readonly refusal: Refusal; readonly error: unknown } | null> {
    const write = {
      body,
      repeat: 'after-look' as const,
      look: async () => namesImage(await state(), image),
      readTimeoutMs: service.limits.insertReadTimeoutMs,
      wantsPrecondition: profile.ifMatch === 'always',
    }
    try {
      const written =
        method === 'POST'
          ? await service.post(call, service.follow(call, mediaAction(current.doc, 'InsertMedia'), current.path), write)
          : await service.patch(call, current, write)
      await followTask(service, call, written)
      return null
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal === null) throw error
      return { refusal, error }
    }
  }

  return {
    async send(call, insertion) {
      const { current, image, profile } = insertion
      const hasAction = mediaAction(current.doc, 'InsertMedia') !== undefined
      const learned = service.memory.known().insert
      let method: Attempt['method'] = hasAction ? (learned?.method ?? 'POST') : 'PATCH'
      const tried: InsertBody[] = []
      for (let body: InsertBody | null = firstInsertBody(image, profile, learned?.with); body !== null; ) {
        tried.push(body)
        const refused = await attempt(call, insertion, { method, body })
        if (refused === null) {
          service.memory.learn({ insert: { method, with: insertRecipe(body) } })
          return
        }
        if (method === 'POST' && NO_ACTION.has(refused.refusal.status)) {
          method = 'PATCH'
          tried.length = 0
        } else {
          body = nextInsertBody(image, refused.refusal, tried)
          if (body === null) throw refused.error
        }
        call.countRepeat()
      }
    },
  }
}
