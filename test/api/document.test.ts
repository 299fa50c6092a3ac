// The OpenAPI document and the page that is made of it.
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { answers } from '../../api/problem.ts'
import { openSite } from './site.ts'

const { ask, document } = await openSite()
const golden = new URL('../golden/openapi.json', import.meta.url)

test('the document is the golden one; UPDATE_GOLDEN=1 writes it anew', async () => {
  const { body } = await ask('GET', '/openapi.json')
  const text = `${JSON.stringify(body, null, 2)}\n`
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, text)
  expect(text).toBe(readFileSync(golden, 'utf8'))
})

test('every reference in the document leads somewhere', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#([^"]+)"/g)].map(([, pointer]) => pointer ?? '')
  expect(references.length).toBeGreaterThan(20)
  const resolve = (pointer: string) =>
    pointer
      .split('/')
      .slice(1)
      .reduce<unknown>((inner, name) => (inner as Record<string, unknown> | undefined)?.[name], document)
  expect(references.filter((pointer) => resolve(pointer) === undefined)).toEqual([])
})

test('a shape that has a name is never null by itself', () => {
  const types = Object.entries(document.components?.schemas ?? {}).map(([name, schema]) => [
    name,
    JSON.stringify(schema),
  ])
  expect(types.filter(([, text]) => text?.startsWith('{"type":["'))).toEqual([])
})

test('every operation has a name of its own', () => {
  const ids = [...JSON.stringify(document.paths).matchAll(/"operationId":"(\w+)"/g)].map(([, id]) => id)
  expect(ids.length).toBe(Object.values(document.paths ?? {}).flatMap((item) => Object.keys(item)).length)
  expect(new Set(ids).size).toBe(ids.length)
})

test('the page shows every operation and every problem, and loads nothing', async () => {
  const { text, headers } = await ask('GET', '/docs')
  for (const path of Object.keys(document.paths ?? {})) expect(text).toContain(`<code>${path}</code>`)
  for (const word of Object.keys(answers)) expect(text).toContain(`id="problem-${word}"`)
  expect(text).not.toMatch(/<(?:script|link|img|iframe)|src=|url\(|@import/)
  const style = /<style>(.*?)<\/style>/s.exec(text)?.[1] ?? ''
  const hash = createHash('sha256').update(style).digest('base64')
  expect(headers.get('content-security-policy')).toContain(`style-src 'sha256-${hash}'`)
})

test('what subscribers get is described beside it', async () => {
  const { body } = await ask('GET', '/asyncapi.json')
  expect(body).toMatchObject({ asyncapi: '3.0.0' })
  expect(JSON.stringify(body)).toContain('provisioner.v1.jobs')
})
