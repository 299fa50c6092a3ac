/** The OpenAPI 3.1 document: gathered from the routes, with the parts that no route declares. */
import type { OpenAPIHono } from '@hono/zod-openapi'
import { recipeSchema } from '../machines/recipe/schema.ts'
import type { ApiEnv } from './access/request.ts'

export type OpenApiDocument = ReturnType<OpenAPIHono['getOpenAPI31Document']>

/** Registers the components that no route declares, and returns the whole document. */
export function openApiDocument(app: OpenAPIHono<ApiEnv>, { version }: { readonly version: string }): OpenApiDocument {
  const registry = app.openAPIRegistry
  registry.registerComponent('schemas', 'Recipe', embeddedRecipeSchema())
  registry.registerComponent('securitySchemes', 'basic', { type: 'http', scheme: 'basic' })
  registry.registerComponent('securitySchemes', 'jwt', { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' })
  registry.registerComponent('securitySchemes', 'jobToken', { type: 'http', scheme: 'bearer' })
  registry.registerComponent('securitySchemes', 'webhookSecret', {
    type: 'apiKey',
    in: 'header',
    name: 'X-Webhook-Secret',
  })
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Provisioner',
      version,
      license: { name: 'Apache-2.0' },
      description:
        'Installs operating systems on bare servers through their BMCs. Readers may read, operators may also run jobs ' +
        'and probes, admins may do everything. Refusals are `application/problem+json`.',
    },
    servers: [{ url: '/' }],
    tags: [{ name: 'Jobs' }, { name: 'Servers' }, { name: 'Report webhook' }, { name: 'Media' }, { name: 'Operation' }],
  })
  return { ...document, paths: { ...document.paths, ...mediaPaths } }
}

/** The recipe schema as a component: its references point from the root of its file, and are moved to this place. */
function embeddedRecipeSchema(): object {
  const { $schema: _draft, $id: _id, ...schema } = recipeSchema
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/definitions/', '"#/components/schemas/Recipe/definitions/'))
}

const iso = { 'application/x-iso9660-image': { schema: { type: 'string', format: 'binary' } } } as const

const mediaAnswers = {
  '200': { description: 'The whole medium', content: iso },
  '206': { description: 'The ranges asked for', content: iso },
  '304': { description: 'Not modified' },
  '404': { description: 'Unknown, wrongly signed, expired or no longer needed: which of them is not told' },
  '412': { description: 'Another version than the one asked for' },
  '416': { description: 'No such range' },
}

function mediaPath({
  operationId,
  summary,
  names,
}: {
  operationId: string
  summary: string
  names: readonly string[]
}) {
  const parameters = names.map((name) => ({
    name,
    in: 'path' as const,
    required: true,
    schema: { type: 'string' as const },
  }))
  return { get: { operationId, tags: ['Media'], summary, security: [], parameters, responses: mediaAnswers } }
}

/** Both URLs of a task medium: with a token in the path, and with a signature in the query. */
function taskPaths({ name, operationId, what }: { name: string; operationId: string; what: string }) {
  return {
    [`/media/tasks/{job_id}/{token}/${name}`]: mediaPath({
      operationId,
      summary: `${what}, as it is mounted`,
      names: ['job_id', 'token'],
    }),
    [`/media/tasks/{job_id}/${name}`]: mediaPath({
      operationId: `${operationId}ByQuery`,
      summary: `${what}, with \`expires\` and \`sig\` in the query`,
      names: ['job_id'],
    }),
  }
}

/** The routes of media/handlers.ts. They declare no schema, because their readers are BMCs, not generated clients. */
const mediaPaths = {
  ...taskPaths({ name: 'task.iso', operationId: 'taskIso', what: "A job's task ISO" }),
  ...taskPaths({ name: 'task.img', operationId: 'taskImg', what: "A job's task files in a FAT image" }),
  ...taskPaths({ name: 'merged.iso', operationId: 'mergedIso', what: "The maintenance ISO with a job's task files" }),
  '/media/images/{token}/{name}': mediaPath({
    operationId: 'mountedImage',
    summary: 'An image, as it is mounted for a job',
    names: ['token', 'name'],
  }),
  '/media/images/{name}': mediaPath({
    operationId: 'image',
    summary: 'An image of the image directory',
    names: ['name'],
  }),
}
