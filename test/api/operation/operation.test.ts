// What surrounds the resources: health, metrics, the request log, headers, defects.
import { expect, test } from 'vitest'
import type { Medium } from '../../../actors/media/files/store.ts'
import { openSite, siteOn } from '../site.ts'

const site = await openSite()
const { ask } = site

test('health says that the process answers, readiness what it can reach', async () => {
  expect((await ask('GET', '/healthz')).body).toEqual({ status: 'ok' })
  const ready = await ask('GET', '/readyz')
  expect(ready.status).toBe(200)
  expect(ready.body).toEqual({
    status: 'ready',
    checks: [
      { name: 'database', fatal: true, ok: true, detail: 'reachable' },
      { name: 'migrations', fatal: true, ok: true, detail: 'current' },
    ],
  })
})

test('what is not fatal is told and no more; what is makes the controller not ready, without saying why in public', async () => {
  const nats = { name: 'nats', fatal: false, check: async () => ({ ok: false, detail: 'not connected' }) }
  const told = await siteOn(site.world, { readiness: [...site.options.readiness, nats] })
  const partial = await told.ask('GET', '/readyz')
  expect([partial.status, partial.body['status'], partial.body['checks']?.['2']?.['ok']]).toEqual([200, 'ready', false])

  const check = async () => Promise.reject(new Error('marked-internal host=10.0.0.1'))
  const broken = await siteOn(site.world, { readiness: [{ name: 'database', fatal: true, check }] })
  const answer = await broken.ask('GET', '/readyz')
  expect([answer.status, answer.body['status']]).toEqual([503, 'not_ready'])
  expect(answer.text).not.toContain('marked-internal')
  expect(broken.lines).toContainEqual(expect.objectContaining({ level: 'warn', message: 'a readiness check failed' }))
})

test('a controller that drains is not ready', async () => {
  const draining = await siteOn(site.world)
  draining.drain.abort()
  const answer = await draining.ask('GET', '/readyz')
  expect([answer.status, answer.body['status']]).toEqual([503, 'draining'])
  expect((await draining.ask('GET', '/healthz')).status).toBe(200)
})

test('requests are counted by route pattern, what matches nothing under one label', async () => {
  const counting = await siteOn(site.world)
  for (const path of ['/api/v1/servers/A', '/api/v1/servers/B', '/nowhere/1', '/nowhere/2'])
    await counting.ask('GET', path)
  const { text, headers } = await counting.ask('GET', '/metrics')
  expect(headers.get('content-type')).toMatch(/^text\/plain/)
  expect(text).toContain('http_requests_total{route="/api/v1/servers/:serial",code="404"} 2')
  expect(text).toContain('http_requests_total{route="unmatched",code="404"} 2')
  expect(text).toContain('http_request_duration_seconds_count{route="/api/v1/servers/:serial"} 2')
})

test('each request is one log line with its route pattern, never its path or query', async () => {
  const logging = await siteOn(site.world)
  await logging.ask('GET', '/api/v1/servers?label=marked-query', { headers: { 'x-request-id': 'my-id' } })
  await logging.ask('GET', '/media/tasks/0199e1d2-7c4e-7a10-8f00-0123456789ab/marked-token/task.iso?sig=marked-sig')
  expect(logging.lines).toHaveLength(2)
  expect(logging.lines[0]).toMatchObject({
    level: 'info',
    fields: { request_id: 'my-id', method: 'GET', route: '/api/v1/servers', status: 200, principal: 'anonymous' },
  })
  expect(logging.lines[1]).toMatchObject({
    level: 'debug',
    fields: { route: '/media/tasks/:jobId/:token/task.iso', status: 404, principal: null },
  })
  expect(JSON.stringify(logging.lines)).not.toContain('marked-')
})

test.each(['a b', 'x'.repeat(129), 'effect/key', ''])('the request id %j is not taken over', async (id) => {
  const { headers } = await ask('GET', '/healthz', { headers: { 'x-request-id': id } })
  expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
})

test('a defect is 500 with the request id, logged with its cause, and says nothing of it', async () => {
  const failing = await siteOn(site.world, {
    servers: {
      ...site.options.servers,
      remove: async () => {
        throw new Error('marked-internal\nparams: marked-parameter', { cause: new TypeError('deep') })
      },
    },
  })
  const answer = await failing.ask('DELETE', '/api/v1/servers/A', { headers: { 'x-request-id': 'find-me' } })
  expect([answer.status, answer.body['error'], answer.body['request_id']]).toEqual([500, 'internal_error', 'find-me'])
  expect(answer.text).not.toContain('marked-')
  const line = failing.lines.find(({ level }) => level === 'error')
  expect(line?.fields).toMatchObject({
    request_id: 'find-me',
    route: '/api/v1/servers/:serial',
    err: { name: 'Error', message: 'marked-internal', cause: { name: 'TypeError', message: 'deep' } },
  })
  expect(JSON.stringify(failing.lines)).not.toContain('marked-parameter')
})

test('a method that a path does not take is 405 with those that it takes', async () => {
  const answer = await ask('PATCH', '/api/v1/jobs')
  expect([answer.status, answer.body['error']]).toEqual([405, 'method_not_allowed'])
  expect(answer.headers.get('allow')?.split(', ').sort()).toEqual(['GET', 'HEAD', 'POST'])
})

test('every answer is guarded against browsers, and HTTPS is remembered where it is used', async () => {
  const https = await siteOn(site.world, { publicUrl: 'https://controller.example' })
  for (const path of ['/api/v1/jobs', '/nowhere', '/healthz', '/docs']) {
    const { headers } = await ask('GET', path)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('strict-transport-security')).toBeNull()
    expect((await https.ask('GET', path)).headers.get('strict-transport-security')).toContain('max-age=')
  }
})

test('media are counted by status and by the bytes that were sent', async () => {
  const content = Buffer.alloc(300_000, 7)
  const medium: Medium = {
    etag: '"e"',
    identity: 'e',
    sizeBytes: content.length,
    modifiedAt: new Date('2026-01-01T00:00:00Z'),
    read: async function* ({ offset, lengthBytes }) {
      yield content.subarray(offset, offset + lengthBytes)
    },
  }
  const serving = await siteOn(site.world, {
    media: { ...site.options.media, images: { open: async () => medium } },
  })
  const range = await serving.app.request('/media/images/a.iso', { headers: { range: 'bytes=0-99' } })
  expect(Buffer.from(await range.arrayBuffer())).toEqual(content.subarray(0, 100))
  expect([range.status, range.headers.get('content-length'), range.headers.get('etag')]).toEqual([206, '100', '"e"'])
  const whole = await serving.app.request('/media/images/a.iso')
  expect((await whole.arrayBuffer()).byteLength).toBe(content.length)
  expect((await serving.app.request('/media/images/a.iso', { method: 'HEAD' })).headers.get('content-length')).toBe(
    '300000',
  )
  const { text } = await serving.ask('GET', '/metrics')
  expect(text).toContain('media_bytes_total 300100')
  expect(text).toContain('media_requests_total{code="206"} 1')
  expect(text).toContain('media_requests_total{code="200"} 2')
})
