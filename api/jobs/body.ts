/**
 * The body of `POST /api/v1/jobs`. It is read as text first, because the recipe in it is kept byte for byte as it was
 * sent (spec/recipe.md); all faults of body and recipe are told at once.
 */

import { z } from '@hono/zod-openapi'
import type { JobCommands } from '../../actors/commands/jobs.ts'
import { Refused } from '../../actors/refusals.ts'
import { decodeJsonText, scanJson } from '../../machines/recipe/json-text.ts'
import { recipeLimits } from '../../machines/recipe/parse.ts'
import { type Detail, inRecipe, invalidRequest } from '../errors.ts'
import { serial } from '../schemas.ts'
import { zodDetails } from '../validation.ts'

const envelope = z.strictObject({
  server_serial: serial,
  recipe: z.unknown(),
  maintenance_iso_url: z
    .url({ protocol: /^https?$/ })
    .max(1024)
    .nullish(),
})

export type JobBody = {
  readonly serverSerial: string
  readonly rawRecipe: Uint8Array
  readonly maintenanceIsoUrl: string | null
}

/** Around the recipe stand one more level and a few values. */
const limits = { depthMax: recipeLimits.depthMax + 1, valuesMax: recipeLimits.valuesMax + 16 }

/** @throws RequestRefused validation_error with every fault; their paths point into the body. */
export function parseJobBody(bytes: Uint8Array, checkRecipe: JobCommands['checkRecipe']): JobBody {
  const decoded = decodeJsonText(bytes, Number.MAX_SAFE_INTEGER)
  if ('fault' in decoded) throw invalidRequest([decoded.fault])
  const scan = scanJson(decoded.text, limits)
  if (!scan.ok) throw invalidRequest([scan.fault])

  const parsed = envelope.safeParse(JSON.parse(decoded.text))
  const raw = scan.members.get('recipe')
  const inRecipe = raw === undefined ? [missingRecipe] : recipeFaults(Buffer.from(raw), checkRecipe)
  // The scan of the body cannot see below `recipe`; the one of the recipe itself tells where its faults are.
  const around = scan.faults.filter(({ path }) => path !== '/recipe' || inRecipe.length === 0)
  const faults = [...(parsed.success ? [] : zodDetails(parsed.error, '')), ...around, ...inRecipe]
  if (!parsed.success || raw === undefined || faults.length > 0) throw invalidRequest(faults)
  const { server_serial, maintenance_iso_url } = parsed.data
  return {
    serverSerial: server_serial,
    rawRecipe: Buffer.from(raw),
    maintenanceIsoUrl: maintenance_iso_url ?? null,
  }
}

const missingRecipe: Detail = { path: '/recipe', code: 'required', message: 'is required' }

function recipeFaults(raw: Uint8Array, checkRecipe: JobCommands['checkRecipe']): Detail[] {
  try {
    checkRecipe(raw)
    return []
  } catch (error) {
    if (!(error instanceof Refused) || error.refusal.kind !== 'invalid_recipe') throw error
    return error.refusal.faults.map(inRecipe)
  }
}
