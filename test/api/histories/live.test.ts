// Live histories over real connections: server-sent events, and bodies that are too large.
import { once } from 'node:events'
import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { expect, onTestFinished, test } from 'vitest'
import { jobStream, serverStream } from '../../../machines/kinds.ts'
import { commit, successfulRun } from '../../eventstore/rig/world.ts'
import { linuxRecipe, openSite, type Site, siteOn, untilComplete } from '../site.ts'

const site = await openSite()
const { jobAfter, world } = site

async function listen({ app }: Pick<Site, 'app'>): Promise<string> {
  const server = createAdaptorServer({ fetch: app.fetch })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const accept = { accept: 'text/event-stream' }

/** Reads a live answer message by message; a message is what stands before an empty line. */
function messagesOf(response: Response) {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  if (reader === undefined) throw new Error('the answer has no body')
  let text = ''
  return {
    /** Null at the end of the answer. */
    next: async (): Promise<string | null> => {
      for (;;) {
        const end = text.indexOf('\n\n')
        if (end >= 0) {
          const message = text.slice(0, end)
          text = text.slice(end + 2)
          return message
        }
        const { done, value } = await reader.read()
        if (done) return null
        text += value
      }
    },
    cancel: () => reader.cancel(),
  }
}

type Messages = ReturnType<typeof messagesOf>

/** The next event, heartbeats left out. */
async function nextEvent(messages: Messages): Promise<{ id: number; type: string } | null> {
  for (;;) {
    const message = await messages.next()
    if (message === null) return null
    const { id, data } = /^id: (?<id>\d+)\ndata: (?<data>.*)$/.exec(message)?.groups ?? {}
    if (id !== undefined && data !== undefined) return { id: Number(id), type: JSON.parse(data).type }
    expect(message).toMatch(/^: /)
  }
}

test('stored events come first, new ones as they happen, each once and in order', async () => {
  const origin = await listen(site)
  const { jobId } = await jobAfter(2)
  const response = await fetch(`${origin}/api/v1/jobs/${jobId}/events`, { headers: accept })
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  const messages = messagesOf(response)
  const seen = [await nextEvent(messages), await nextEvent(messages), await nextEvent(messages)]
  expect(seen.map((event) => event?.id)).toEqual([1, 2, 3])
  for (const event of successfulRun.slice(2, 6)) {
    await commit(world, jobStream(jobId), [event])
    expect((await nextEvent(messages))?.type).toBe(event.type)
  }
  await messages.cancel()
})

test('a reader that comes again goes on after the last event it had, and after the end the stream stays open', async () => {
  const origin = await listen(site)
  const { jobId } = await jobAfter(untilComplete)
  const url = `${origin}/api/v1/jobs/${jobId}/events?after_seq=1`
  const last = untilComplete + 1
  const messages = messagesOf(await fetch(url, { headers: { ...accept, 'last-event-id': String(last - 1) } }))
  expect((await nextEvent(messages))?.id).toBe(last)
  expect(await messages.next()).toMatch(/^: /)
  await messages.cancel()
  const fromQuery = messagesOf(await fetch(url, { headers: accept }))
  expect((await nextEvent(fromQuery))?.id).toBe(2)
  await fromQuery.cancel()
  const refused = await fetch(url, { headers: { ...accept, 'last-event-id': 'x' } })
  expect(refused.status).toBe(400)
  await refused.body?.cancel()
})

test('heartbeats come while nothing happens', async () => {
  const origin = await listen(site)
  const serial = await site.register()
  const messages = messagesOf(await fetch(`${origin}/api/v1/servers/${serial}/events`, { headers: accept }))
  expect((await nextEvent(messages))?.type).toBe('server.registered')
  expect([await messages.next(), await messages.next()]).toEqual([': still here', ': still here'])
  await commit(world, serverStream(serial), [{ type: 'server.probe.requested', data: {} }])
  expect((await nextEvent(messages))?.type).toBe('server.probe.requested')
  await messages.cancel()
})

test('streams end when the server drains', async () => {
  const draining = await siteOn(world)
  const origin = await listen(draining)
  const { jobId } = await jobAfter()
  const messages = messagesOf(await fetch(`${origin}/api/v1/jobs/${jobId}/events`, { headers: accept }))
  await nextEvent(messages)
  draining.drain.abort()
  expect(await nextEvent(messages)).toBeNull()
})

test('there are only so many streams, and one that its reader has left makes room', async () => {
  const limited = await siteOn(world, { limits: { ...site.options.limits, streamsMax: 1 } })
  const origin = await listen(limited)
  const { jobId } = await jobAfter()
  const url = `${origin}/api/v1/jobs/${jobId}/events`
  const head = await fetch(url, { method: 'HEAD', headers: accept })
  expect(head.status).toBe(200)
  const first = messagesOf(await fetch(url, { headers: accept }))
  await nextEvent(first)
  const refused = await fetch(url, { headers: accept })
  const { error } = (await refused.json()) as { error: string }
  expect([refused.status, error]).toEqual([503, 'too_many_streams'])
  await first.cancel()
  await expect
    .poll(async () => {
      const again = await fetch(url, { headers: accept })
      await again.body?.cancel()
      return again.status
    })
    .toBe(200)
})

test('a body over the limit is 413, with its length announced or not, and the server lives on', async () => {
  const origin = await listen(site)
  const url = `${origin}/api/v1/servers/BIG-1`
  const big = JSON.stringify({ bmc_address: 'x'.repeat(300_000) })
  const statusOf = (chunked: boolean) =>
    new Promise<number | undefined>((resolve, reject) => {
      const headers = { 'content-type': 'application/json', ...(chunked ? {} : { 'content-length': big.length }) }
      const sent = request(url, { method: 'PUT', headers }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
      // The server may hang up before all is sent.
      sent.on('error', reject)
      sent.end(big)
    })
  expect([await statusOf(false), await statusOf(true)]).toEqual([413, 413])
  const job = await fetch(`${origin}/api/v1/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ server_serial: 'NOBODY', recipe: { ...linuxRecipe, user_data: 'x'.repeat(900_000) } }),
  })
  expect(job.status).toBe(404)
  await job.body?.cancel()
})
