/** The files of a task medium and their contents (spec/media.md, "Contents"). Pure. */
import { createHash } from 'node:crypto'
import type { TaskFile } from './task-iso.ts'

/** The parts of a recipe that become files of their own. */
interface RecipePayloads {
  readonly user_data?: string | undefined
  readonly network_config?: string | undefined
  readonly unattend_xml?: string | undefined
  readonly ks_cfg?: string | undefined
}

/** The data by which the maintenance OS sends reports, and detects that it runs on the wrong machine. */
interface ReportAddress {
  /** Base of the URL, such as `http://192.0.2.1:8080`, with or without a slash at its end. */
  readonly publicUrl: string
  readonly serverSerial: string
  readonly jobId: string
  /** The job's own report token, which authenticates reports on this job only (spec/api.md, "Report webhook"). */
  readonly token: string
  /** `$id` of the schema that validated the recipe. */
  readonly schemaId: string
}

export interface TaskInput {
  /** As it was sent and validated, byte for byte. */
  readonly rawRecipe: Uint8Array
  readonly recipe: RecipePayloads
  readonly schemaText: string
  readonly report: ReportAddress
}

/** Payloads that the recipe lacks yield no file. `/SHA256SUMS`, over all the others, comes last. */
export function taskFiles({ rawRecipe, recipe, schemaText, report }: TaskInput): readonly TaskFile[] {
  const files: readonly TaskFile[] = [
    { path: '/recipe.json', bytes: rawRecipe },
    textFile('/recipe.schema.json', schemaText),
    textFile('/report.json', reportJson(report)),
    ...optionalFile('/user-data', recipe.user_data),
    ...optionalFile('/meta-data', metaData(recipe, report.jobId)),
    ...optionalFile('/network-config', recipe.network_config),
    ...optionalFile('/unattend.xml', recipe.unattend_xml),
    ...optionalFile('/ks.cfg', recipe.ks_cfg),
  ]
  return [...files, textFile('/SHA256SUMS', sha256Sums(files))]
}

/**
 * NoCloud reads user data only beside meta data with an instance id. A new id makes cloud-init run its first-boot steps
 * again. The job's id makes it run them once per installation.
 */
function metaData({ user_data, network_config }: RecipePayloads, jobId: string): string | undefined {
  return user_data === undefined && network_config === undefined ? undefined : `instance-id: ${jobId}\n`
}

/** The dispatcher posts to `webhook_url` unchanged. */
function reportJson({ publicUrl, serverSerial, jobId, token, schemaId }: ReportAddress): string {
  const report = {
    webhook_url: `${publicUrl.replace(/\/+$/, '')}/api/v1/status-webhook/${encodeURIComponent(serverSerial)}`,
    server_serial: serverSerial,
    job_id: jobId,
    token,
    schema_id: schemaId,
  }
  return `${JSON.stringify(report, null, 2)}\n`
}

/** The input of `sha256sum -c`, sorted by name. */
function sha256Sums(files: readonly TaskFile[]): string {
  return files
    .map(({ path, bytes }) => ({ name: path.slice(1), digest: createHash('sha256').update(bytes).digest('hex') }))
    .sort((left, right) => (left.name < right.name ? -1 : 1))
    .map(({ name, digest }) => `${digest}  ${name}\n`)
    .join('')
}

function optionalFile(path: string, text: string | undefined): readonly TaskFile[] {
  return text === undefined ? [] : [textFile(path, text)]
}

function textFile(path: string, text: string): TaskFile {
  return { path, bytes: new TextEncoder().encode(text) }
}
