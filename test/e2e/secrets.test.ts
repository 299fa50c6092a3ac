/**
 * Marked secrets are put in everywhere, whole jobs are run, and every place where something is written is searched for
 * them: events, read models, log lines, NATS messages, HTTP answers, metrics, files.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect as connectNats, consumerOpts } from 'nats'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { completed, expectSoundEnd, linuxRecipe, type Site, startSite, submit } from './rig/site.ts'

const secrets = {
  bmcPassword: 'marked-bmc-password-5b1c',
  apiPassword: 'marked-api-password-77aa',
  webhookSecret: 'marked-webhook-secret-90fe',
  signingSecret: 'marked-signing-secret-1f2e3d4c5b6a7988',
  userData: 'marked-user-data-3c2d',
  envValue: 'marked-env-value-44ef',
  ociPassword: 'marked-oci-password-0a1b',
}

let site: Site
beforeAll(async () => {
  site = await startSite({
    bmcs: [
      { password: secrets.bmcPassword },
      { password: secrets.bmcPassword, host: { failAt: 'partition.service' } },
      { password: secrets.bmcPassword },
    ],
    settings: {
      AUTH_MODE: 'basic',
      BASIC_USER: 'operator',
      BASIC_PASS: secrets.apiPassword,
      WEBHOOK_SECRET: secrets.webhookSecret,
      MEDIA_SIGNING_SECRET: secrets.signingSecret,
      LOG_LEVEL: 'trace',
    },
    auth: { basic: `operator:${secrets.apiPassword}` },
  })
})
afterAll(() => site.stop())

test('no secret is in any event, log line, message, answer, metric or file', async () => {
  const recipe = JSON.parse(linuxRecipe)
  recipe.user_data = `#cloud-config\npassword: ${secrets.userData}\n`
  recipe.env = { REGISTRY_PASSWORD: secrets.envValue }
  recipe.oci_url = 'registry.example/images/linux:1'
  const text = JSON.stringify(recipe)

  // The third BMC repeats the URL that it was asked to mount in its error, as real ones do.
  const third = site.simulator.bmc('S3')
  third.faults.add({
    method: 'POST',
    path: /CD1.*InsertMedia/,
    status: 400,
    body: { error: { code: 'Base.1.0.GeneralError', message: 'cannot mount' } },
  })
  const outcomes: (string | null)[] = []
  const jobs: string[] = []
  for (const serial of ['S1', 'S2', 'S3']) {
    const jobId = await submit(site.client, serial, text)
    outcomes.push((await completed(site.client, jobId)).outcome)
    jobs.push(jobId)
  }
  expect(outcomes).toEqual(['succeeded', 'failed', 'failed'])
  await expectSoundEnd(site.client, jobs[0] ?? '', site.simulator.bmc('S1'))

  // Tokens are not known beforehand: they are what the BMC was told to mount and what the host was given to report with.
  const places = { ...(await everythingWritten(jobs)), log: site.log() }
  const searched = Object.entries(places)
  for (const [place, content] of searched)
    expect(content.length, `${place} has something to search`).toBeGreaterThan(100)
  for (const [name, secret] of Object.entries(secrets)) {
    for (const [place, content] of searched) expect(content.includes(secret), `${name} in ${place}`).toBe(false)
  }
  for (const [place, content] of searched) {
    expect(content, `a media token in ${place}`).not.toMatch(/\/media\/tasks\/[0-9a-f-]{36}\/\d+-[\w-]{22}/)
    expect(content, `a media token in ${place}`).not.toMatch(/\/media\/images\/\d+-[\w-]{44}/)
    expect(content, `a bearer token in ${place}`).not.toMatch(/Bearer [\w-]{20}/)
  }
})

async function everythingWritten(jobs: readonly string[]): Promise<Record<string, string>> {
  const { client, controller, folder } = site
  const answers: unknown[] = []
  for (const jobId of jobs) {
    for (const path of ['', '/events', '/state']) answers.push(await client.request(`/api/v1/jobs/${jobId}${path}`))
  }
  answers.push(await client.request('/api/v1/jobs'), await client.request('/api/v1/servers'))
  for (const serial of ['S1', 'S2', 'S3']) {
    answers.push(
      await client.request(`/api/v1/servers/${serial}`),
      await client.request(`/api/v1/servers/${serial}/events`),
    )
  }
  const authorization = `Basic ${Buffer.from(`operator:${secrets.apiPassword}`).toString('base64')}`
  const metrics = await (await fetch(`${controller.url}/metrics`, { headers: { authorization } })).text()
  const refused = await (
    await fetch(`${controller.url}/api/v1/jobs`, { headers: { authorization: 'Basic wrong' } })
  ).text()
  return {
    answers: JSON.stringify(answers) + refused,
    metrics,
    database: await everyRow(),
    nats: await everyMessage(),
    files: await everyFile(folder),
  }
}

/** Every table, sealed ones too: what is sealed must not be readable. */
async function everyRow(): Promise<string> {
  const sql = postgres(site.controller.databaseUrl, { max: 1 })
  const tables = await sql<{ name: string }[]>`select tablename as name from pg_tables where schemaname = 'public'`
  const rows: unknown[] = []
  for (const { name } of tables) rows.push(await sql`select t::text from ${sql(name)} t`)
  const bytes = await sql<{ text: string }[]>`select encode(ciphertext, 'escape') as text from sealed`
  await sql.end()
  return JSON.stringify([rows, bytes])
}

async function everyMessage(): Promise<string> {
  if (site.controller.nats.url === null) throw new Error('there is no NATS')
  const connection = await connectNats({ servers: site.controller.nats.url })
  const subscription = await connection
    .jetstream()
    .subscribe('provisioner.v1.>', consumerOpts().orderedConsumer().deliverAll())
  const messages: string[] = []
  for await (const message of subscription) {
    messages.push(message.subject, message.string(), JSON.stringify([...(message.headers ?? [])]))
    if (message.info.pending === 0) break
  }
  await connection.close()
  return messages.join('\n')
}

/** Except the task ISOs, whose purpose it is to carry the recipe to the host, and the key itself. */
async function everyFile(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter(
    (entry) => entry.isFile() && !entry.name.endsWith('.iso') && entry.name !== 'secrets-key',
  )
  const contents = await Promise.all(files.map((entry) => readFile(join(entry.parentPath, entry.name), 'latin1')))
  return (
    entries
      .map((entry) => entry.name)
      .join('\n')
      .padEnd(101) + contents.join('\n')
  )
}
