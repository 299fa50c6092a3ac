/**
 * `GET /openapi.json`, `GET /asyncapi.json` for subscribers, and `GET /docs`: the API as one page that loads nothing,
 * for sites without internet.
 */
import { createHash } from 'node:crypto'
import { Hono } from 'hono'
import { html, raw } from 'hono/html'
import type { ApiEnv } from './access/request.ts'
import type { OpenApiDocument } from './openapi.ts'
import { answers, internalError, methodNotAllowed, notFound } from './problem.ts'

const style = `
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font: 13px/1.5 ui-monospace, monospace; }
pre { overflow: auto; max-height: 30rem; padding: .75rem; border: 1px solid var(--line); border-radius: 6px; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .4rem 0; padding: .4rem .75rem; }
summary { cursor: pointer; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); }
.method { display: inline-block; min-width: 4.2rem; font-weight: 700; text-transform: uppercase; }
.get { color: #1a7f5a; } .post { color: #2563c9; } .put { color: #a86400; } .delete { color: #c0362c; }
.quiet { opacity: .7; }
`

/** Allows the page's own style by its hash; the page runs no script and loads nothing. */
const contentSecurityPolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

type Operation = {
  readonly summary?: string
  readonly description?: string
  readonly tags?: readonly string[]
  readonly parameters?: readonly {
    readonly name: string
    readonly in: string
    readonly required?: boolean
    readonly description?: string
    readonly schema?: { readonly description?: string }
  }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema?: unknown }>> }
  readonly responses?: Readonly<Record<string, { readonly description?: string }>>
}

const methods = ['get', 'post', 'put', 'delete'] as const

/** `events` is the AsyncAPI document of the events on NATS. */
export function docsRoutes(document: OpenApiDocument, events: object) {
  const page = docsPage(document)
  return new Hono<ApiEnv>()
    .get('/openapi.json', (context) => context.json(document))
    .get('/asyncapi.json', (context) => context.json(events))
    .get('/docs', async (context) =>
      context.html(await page, 200, { 'content-security-policy': contentSecurityPolicy }),
    )
}

function docsPage(document: OpenApiDocument) {
  const tags = document.tags ?? []
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${document.info.title} ${document.info.version}</title>
<style>${raw(style)}</style>
</head>
<body>
<h1>${document.info.title} <span class="quiet">${document.info.version}</span></h1>
<p>${document.info.description}</p>
<p>This page as a machine reads it: <a href="/openapi.json">/openapi.json</a> (OpenAPI ${document.openapi}); what subscribers get on NATS: <a href="/asyncapi.json">/asyncapi.json</a> (AsyncAPI).</p>
${tags.map(({ name }) => html`<h2>${name}</h2>${operationsOf(document, name).map(operationEntry)}`)}
<h2>Problems</h2>
${problemTable()}
<h2>Shapes</h2>
${Object.entries(document.components?.schemas ?? {}).map(
  ([name, schema]) =>
    html`<details id="shape-${name}"><summary><code>${name}</code></summary>${json(schema)}</details>`,
)}
</body>
</html>`
}

type Entry = { readonly method: string; readonly path: string; readonly operation: Operation }

function operationsOf(document: OpenApiDocument, tag: string): Entry[] {
  return Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    methods.flatMap((method) => {
      const operation = (item as Readonly<Record<string, Operation | undefined>>)[method]
      return operation?.tags?.includes(tag) ? [{ method, path, operation }] : []
    }),
  )
}

function operationEntry({ method, path, operation }: Entry) {
  const { parameters = [], requestBody, responses = {} } = operation
  const body = Object.values(requestBody?.content ?? {})[0]?.schema
  return html`<details>
<summary><span class="method ${method}">${method}</span> <code>${path}</code> <span class="quiet">${operation.summary}</span></summary>
${operation.description === undefined ? '' : html`<p>${operation.description}</p>`}
${parameters.length === 0 ? '' : parameterTable(parameters)}
${body === undefined ? '' : html`<h4>Body</h4>${json(body)}`}
<h4>Answers</h4>
<table>${Object.entries(responses).map(
    ([status, answer]) => html`<tr><td><code>${status}</code></td><td>${answer.description}</td></tr>`,
  )}</table>
</details>`
}

function parameterTable(parameters: NonNullable<Operation['parameters']>) {
  return html`<table><tr><th>Parameter</th><th>In</th><th></th></tr>${parameters.map(
    (parameter) => html`<tr>
<td><code>${parameter.name}</code>${parameter.required ? ' *' : ''}</td>
<td>${parameter.in}</td>
<td>${parameter.description ?? parameter.schema?.description ?? ''}</td></tr>`,
  )}</table>`
}

function problemTable() {
  const refusals = Object.entries(answers).map(([error, [status, title]]) => ({ status, error, title }))
  return html`<table><tr><th>Status</th><th>error</th><th></th></tr>${[
    ...refusals,
    notFound,
    methodNotAllowed,
    internalError,
  ].map(
    ({ status, error, title }) =>
      html`<tr id="problem-${error}"><td><code>${status}</code></td><td><code>${error}</code></td><td>${title}</td></tr>`,
  )}</table>`
}

function json(value: unknown) {
  return html`<pre>${JSON.stringify(value, null, 2)}</pre>`
}
