/**
 * The body of `POST /api/v1/jobs`. It is read as text first, because the recipe in it is kept byte for byte as it was
 * sent (spec/recipe.md). The answer lists all faults of body and recipe at once.
 */

import { z } from '@hono/zod-openapi'
import { type AcceptedRecipe, readRecipe } from '../../actors/commands/recipe.ts'
import { decodeJsonText, scanJson } from '../../machines/recipe/json-text.ts'
import { recipeLimits } from '../../machines/recipe/parse.ts'
import { inRecipe, invalidRequest } from '../errors.ts'
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
  readonly recipe: AcceptedRecipe
  readonly maintenanceIsoUrl: string | null
}

/** The body adds one level and a few values around the recipe. */
const limits = { depthMax: recipeLimits.depthMax + 1, valuesMax: recipeLimits.valuesMax + 16 }

/** @throws RequestRefused validation_error with every fault; their paths point into the body. */
export function parseJobBody(bytes: Uint8Array): JobBody {
  const decoded = decodeJsonText(bytes, Number.MAX_SAFE_INTEGER)
  if ('fault' in decoded) throw invalidRequest([decoded.fault])
  const scan = scanJson(decoded.text, limits)
  if (!scan.ok) throw invalidRequest([scan.fault])

  const parsed = envelope.safeParse(JSON.parse(decoded.text))
  const raw = scan.members.get('recipe')
  const recipe = raw === undefined ? missingRecipe : readRecipe(Buffer.from(raw))
  const faultsOfRecipe = recipe.ok ? [] : recipe.faults.map(inRecipe)
  // The scan of the body reports faults inside the recipe at `/recipe`; the recipe's own scan has their exact paths.
  const around = scan.faults.filter(({ path }) => path !== '/recipe' || recipe.ok)
  const faults = [...(parsed.success ? [] : zodDetails(parsed.error, '')), ...around, ...faultsOfRecipe]
  if (!parsed.success || !recipe.ok || faults.length > 0) throw invalidRequest(faults)
  const { server_serial, maintenance_iso_url } = parsed.data
  return {
    serverSerial: server_serial,
    recipe,
    maintenanceIsoUrl: maintenance_iso_url ?? null,
  }
}

const missingRecipe: ReturnType<typeof readRecipe> = {
  ok: false,
  faults: [{ path: '', code: 'required', message: 'is required' }],
}
