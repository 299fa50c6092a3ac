// A task as a controller would put it on a medium, and the medium with it.
import { createHash } from 'node:crypto'
import { makeIso } from './make-iso.ts'

export type TaskContent = {
  readonly serial?: string
  readonly webhookUrl: string
  readonly target?: string
  /** Replaces files, or adds some; null leaves one out. Checksums are made before that. */
  readonly changes?: Readonly<Record<string, string | null>>
  /** Folder on the medium, for merged ones. */
  readonly folder?: string
  readonly extra?: Readonly<Record<string, string>>
}

export const jobId = '01930000-0000-7000-8000-000000000001'
export const jobToken = 'job-token-5d1c'

const schema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  $id: 'https://provisioner.test/recipe.schema.json',
  type: 'object',
  additionalProperties: false,
  required: ['task_target'],
  properties: {
    task_target: { type: 'string', pattern: '^[a-z0-9.-]+\\.target$' },
    firmware_url: { type: 'string', format: 'uri' },
    user_data: { type: 'string' },
  },
}

/** As `sha256sum` writes it. */
export function sumsOf(files: Readonly<Record<string, string>>): string {
  return Object.entries(files)
    .map(([name, text]) => `${createHash('sha256').update(text).digest('hex')}  ./${name}\n`)
    .join('')
}

export async function taskIso(content: TaskContent): Promise<Buffer> {
  const { serial = 'SN-1', target = 'install-linux.target', folder = '', extra = {} } = content
  const files: Record<string, string> = {
    'recipe.json': JSON.stringify({ task_target: target, user_data: '#cloud-config\n' }),
    'recipe.schema.json': JSON.stringify(schema),
    'user-data': '#cloud-config\n',
    'report.json': JSON.stringify({
      webhook_url: content.webhookUrl,
      server_serial: serial,
      job_id: jobId,
      token: jobToken,
    }),
  }
  const sums = Object.entries(files).map(
    ([name, text]) => `${createHash('sha256').update(text).digest('hex')}  ${name}`,
  )
  const changed = { ...files, SHA256SUMS: `${sums.join('\n')}\n`, ...content.changes }
  const kept = Object.entries(changed).flatMap(([name, text]) => (text === null ? [] : [[`${folder}${name}`, text]]))
  return await makeIso({ files: { ...extra, ...Object.fromEntries(kept) }, volumeId: 'TASK_0193' })
}
