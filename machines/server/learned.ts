/**
 * The lessons that the client learned about a server's BMC (redfish/learned.ts), as its history keeps them; no secrets.
 */
import { z } from 'zod'

const path = z.string().max(512)
const resetTypes = z.array(z.string().max(64)).max(16)

export const learnedData = z.strictObject({
  insert: z
    .strictObject({
      method: z.enum(['POST', 'PATCH']),
      with: z.record(z.string().max(64), z.union([z.string().max(256), z.boolean()])),
    })
    .optional(),
  boot: z
    .strictObject({
      all_in_settings: z.boolean(),
      without_mode: z.boolean(),
      settings_unused: z.literal(true).optional(),
    })
    .optional(),
  resets_refused: resetTypes.optional(),
  resets_listed: resetTypes.optional(),
  wants_precondition: z.literal(true).optional(),
  sessions: path.optional(),
  basic_refused: z.literal(true).optional(),
  places: z
    .strictObject({
      system: path,
      managers: z.array(path).max(4),
      vendor: z.string().max(64),
      model: z.string().max(1024).nullable(),
      controller: z.string().max(1024).nullable(),
      firmware: z.string().max(1024).nullable(),
      bios: z.string().max(1024).optional(),
      schema: z.string().max(1024).optional(),
    })
    .optional(),
  ejects: z.record(path, path).optional(),
})
export type LearnedData = z.infer<typeof learnedData>
