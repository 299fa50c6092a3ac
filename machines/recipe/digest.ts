/**
 * The summary of a recipe that events, log lines and answers may show. It is enough to tell whether two recipes were
 * the same and where they differed, and it holds no secret.
 */
import { createHash } from 'node:crypto'
import { type PayloadField, payloadFields, type Recipe } from './types.ts'

type ContentDigest = { readonly bytes: number; readonly sha256: string }

export type RecipeSummary = {
  readonly schema_version: string
  readonly task_target: string
  readonly target_disk: string | null
  readonly oci_url: string | null
  readonly firmware_url: string | null
  readonly installer_url: string | null
  readonly partitions: number
  /** The payloads that the recipe has. */
  readonly payloads: { readonly [field in PayloadField]?: ContentDigest }
  /** Names only, sorted. */
  readonly env_names: readonly string[]
  /** The recipe as sent. */
  readonly raw: ContentDigest
}

/** Summarises an accepted recipe and the very bytes (or text) in which it was sent. Plain JSON. */
export function summarizeRecipe(recipe: Recipe, raw: string | Uint8Array): RecipeSummary {
  const payloads: { [field in PayloadField]?: ContentDigest } = {}
  for (const field of payloadFields) {
    const payload = recipe[field]
    if (payload !== undefined) payloads[field] = digest(payload)
  }
  return {
    schema_version: recipe.schema_version ?? '1',
    task_target: recipe.task_target,
    target_disk: recipe.target_disk ?? null,
    oci_url: withoutSecrets(recipe.oci_url),
    firmware_url: withoutSecrets(recipe.firmware_url),
    installer_url: withoutSecrets(recipe.installer_url),
    partitions: recipe.partition_layout?.length ?? 0,
    payloads,
    env_names: Object.keys(recipe.env ?? {}).sort(),
    raw: digest(raw),
  }
}

/** Size in UTF-8 and SHA-256 in lower case hexadecimal. */
function digest(content: string | Uint8Array): ContentDigest {
  const bytes = typeof content === 'string' ? Buffer.byteLength(content) : content.byteLength
  return { bytes, sha256: createHash('sha256').update(content).digest('hex') }
}

/**
 * A URL without user and password, and without query and fragment, where signed links carry their token. The `@` of an
 * OCI digest stays: it stands behind the first slash.
 */
function withoutSecrets(url: string | undefined): string | null {
  if (url === undefined) return null
  return url.replace(/[?#].*$/s, '').replace(/^([a-z]+:\/\/)?[^/]*@/i, '$1')
}
