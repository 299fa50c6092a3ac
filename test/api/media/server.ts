// The media routes behind a real HTTP server, with real stores and signing, for the tests of what readers see.
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAdaptorServer } from '@hono/node-server'
import { onTestFinished } from 'vitest'
import type { MediaRead } from '../../../actors/media/access/evidence.ts'
import { mediaSigning } from '../../../actors/media/access/signing.ts'
import { imageStore, taskStore } from '../../../actors/media/files/store.ts'
import { type MediaAuth, type MediaRefusal, mediaRoutes } from '../../../api/media/handlers.ts'

export const jobId = '0199e1d2-7c4e-7a10-8f00-0123456789ab'
export const now = new Date('2026-06-01T12:00:00Z')
export const signing = mediaSigning({ current: 'a-secret-of-the-current-rotation' })

export type MediaServer = Awaited<ReturnType<typeof mediaServer>>

/** Ends, with its files, when the test does. */
export async function mediaServer({ auth = 'signed' }: { readonly auth?: MediaAuth } = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'media-api-'))
  const tasks = taskStore(join(directory, 'tasks'))
  const reads: MediaRead[] = []
  const refusals: MediaRefusal[] = []
  const live = new Set([jobId])
  const readsReported = counter()
  const requestsEnded = counter()

  const app = mediaRoutes({
    auth,
    signing,
    tasks,
    images: imageStore(directory),
    mediaLive: async (id) => live.has(id),
    onRead: (read) => {
      reads.push(read)
      readsReported.count()
    },
    onRefused: (refusal) => refusals.push(refusal),
    now: () => now,
  })
  const server = createAdaptorServer({ fetch: app.fetch })
  server.on('request', (_: IncomingMessage, outgoing: ServerResponse) => outgoing.once('close', requestsEnded.count))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.close()
    if ('closeAllConnections' in server) server.closeAllConnections()
    await once(server, 'close')
    await rm(directory, { recursive: true })
  })
  const { port } = server.address() as AddressInfo

  return {
    directory,
    tasks,
    live,
    reads,
    refusals,
    origin: `http://127.0.0.1:${port}`,
    /** Resolves once so many reads were reported in all. A reader may have its last byte before its read is reported. */
    readsReported: readsReported.reached,
    /** Resolves once so many requests were answered, or given up by who asked. */
    requestsEnded: requestsEnded.reached,
  }
}

function counter() {
  let reached = 0
  let waiting: readonly { readonly goal: number; readonly resolve: () => void }[] = []
  return {
    count() {
      reached++
      for (const { goal, resolve } of waiting) if (reached >= goal) resolve()
      waiting = waiting.filter(({ goal }) => reached < goal)
    },
    reached(goal: number): Promise<void> {
      if (reached >= goal) return Promise.resolve()
      return new Promise((resolve) => {
        waiting = [...waiting, { goal, resolve }]
      })
    },
  }
}
