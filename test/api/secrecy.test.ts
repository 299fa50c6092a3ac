// Marked secrets go in wherever one can go in, and come out nowhere.
import { expect, test } from 'vitest'
import { reportToken } from '../../actors/media/access/report-token.ts'
import { bmcPassword, linuxRecipe, openSite, reportTokenKey, siteOn, untilWaiting, webhookSecret } from './site.ts'

const open = await openSite()
const userPassword = 'marked-user-password'
const site = await siteOn(open.world, {
  auth: { mode: 'basic', users: [{ username: 'ada', role: 'admin', password: { plain: userPassword } }] },
})
const credentials = Buffer.from(`ada:${userPassword}`).toString('base64')
const headers = { authorization: `Basic ${credentials}` }
const recipe = {
  ...linuxRecipe,
  user_data: 'marked-user-data',
  network_config: 'marked-network-config',
  env: { TOKEN: 'marked-env-value' },
  metadata: { note: 'marked-metadata' },
}

test('no secret is in any answer, log line or metric, of what is accepted and of what is refused', async () => {
  const answers: string[] = []
  const ask: typeof site.ask = async (method, path, asked = {}) => {
    const answer = await site.ask(method, path, { ...asked, headers: { ...headers, ...asked.headers } })
    answers.push(answer.text, JSON.stringify([...answer.headers]))
    return answer
  }
  const registration = { bmc_address: 'https://192.0.2.1', bmc_username: 'root', bmc_password: bmcPassword }
  const { jobId, serial } = await open.jobAfter(untilWaiting)
  const server = `/api/v1/servers/${serial}`
  expect((await ask('PUT', server, { body: registration })).status).toBe(200)
  await ask('PUT', server, { body: { ...registration, bmc_address: `https://root:${bmcPassword}@x`, bmc_password: 1 } })
  await ask('PUT', server, { body: `{"bmc_password":"${bmcPassword}"` })
  const body = { server_serial: serial, recipe }
  expect((await ask('POST', '/api/v1/jobs', { body })).status).toBe(409)
  await ask('PUT', '/api/v1/servers/SECRET-1', { body: registration })
  expect(
    (await ask('POST', '/api/v1/jobs?dry_run=true', { body: { ...body, server_serial: 'SECRET-1' } })).status,
  ).toBe(200)
  const created = await ask('POST', '/api/v1/jobs', { body: { ...body, server_serial: 'SECRET-1' } })
  expect(created.status).toBe(202)
  const bad = {
    ...recipe,
    user_data: ['marked-user-data'],
    env: { lower: 'marked-env-value' },
    ks_cfg: 7,
    wim_index: 'marked-index',
  }
  expect((await ask('POST', '/api/v1/jobs', { body: { ...body, recipe: bad } })).status).toBe(400)
  await ask('POST', '/api/v1/jobs', { body: JSON.stringify(body).slice(0, -5) })

  const report = `/api/v1/status-webhook/${serial}`
  await ask('POST', report, { body: {}, headers: { 'x-webhook-secret': webhookSecret } })
  await ask('POST', report, { body: { status: 'success' }, headers: { 'x-webhook-secret': `${webhookSecret}-wrong` } })
  const token = reportToken(reportTokenKey, jobId)
  await ask('POST', report, { body: { status: 'success' }, headers: { authorization: `Bearer ${token}` } })
  const wrong = Buffer.from('ada:marked-guess').toString('base64')
  expect((await ask('GET', '/api/v1/jobs', { headers: { authorization: `Basic ${wrong}` } })).status).toBe(401)

  for (const id of [jobId, created.body['job_id']])
    for (const path of ['', '/events', '/state']) await ask('GET', `/api/v1/jobs/${id}${path}`)
  for (const path of ['', '/events', '/state']) await ask('GET', `${server}${path}`)
  for (const path of ['/api/v1/jobs', '/api/v1/servers', '/metrics', '/readyz', '/openapi.json', '/docs'])
    await ask('GET', path)

  const out = [...answers, JSON.stringify(site.lines), await site.registry.metrics()].join('\n')
  expect(out).toContain(jobId)
  expect(out).not.toContain('marked-')
  for (const secret of [token, credentials, wrong]) expect(out).not.toContain(secret)
})
