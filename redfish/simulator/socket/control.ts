/**
 * The simulator's own HTTP endpoint beside Redfish. It lets a test or an operator in another process switch faults on and
 * off and read the state. It needs no credentials, so it exists only when `SimulatorOptions.control` is set.
 */
import { z } from 'zod'
import { type Json, noContent, parseJson, type Reply } from '../bmc/reply.ts'
import type { Faults } from './faults.ts'

export const controlPrefix = '/simulator/'

/** A `Fault` in JSON: `pathPattern` is the source of a regular expression, which JSON cannot write. */
const faultSchema = z.strictObject({
  method: z.string().max(16).optional(),
  path: z.string().max(1_024).optional(),
  pathPattern: z
    .string()
    .max(1_024)
    .refine((source) => compile(source) !== null, 'is not a regular expression')
    .optional(),
  times: z.int().positive().optional(),
  probability: z.number().gt(0).max(1).optional(),
  status: z.int().min(200).max(599).optional(),
  body: z.json().optional(),
  headers: z.record(z.string().max(128), z.string().max(1_024)).optional(),
  delayMs: z.number().nonnegative().max(600_000).optional(),
  drop: z.enum(['before', 'after']).optional(),
})

export type ControlledBmc = { readonly faults: Faults; readonly state: () => Json }

/** `POST /simulator/faults` adds one, `DELETE` clears them all, `GET /simulator/state` shows the BMC. */
export function control(request: { method: string; path: string; body: Buffer }, bmc: ControlledBmc): Reply {
  switch (`${request.method} ${request.path}`) {
    case 'GET /simulator/state':
      return { status: 200, body: bmc.state() }
    case 'DELETE /simulator/faults':
      bmc.faults.clear()
      return noContent
    case 'POST /simulator/faults':
      return addFault(request.body, bmc.faults)
    default:
      return { status: 404, body: { error: `${request.method} ${request.path} is not there` } }
  }
}

function addFault(body: Buffer, faults: Faults): Reply {
  try {
    const { pathPattern, path, ...rest } = faultSchema.parse(parseJson(body.toString('utf8')))
    const pattern = pathPattern === undefined ? null : compile(pathPattern)
    const given = Object.fromEntries(
      Object.entries({ ...rest, path: pattern ?? path }).filter(([, value]) => value !== undefined),
    )
    faults.add(given)
    return noContent
  } catch (error) {
    if (error instanceof z.ZodError) return { status: 400, body: { error: z.prettifyError(error) } }
    if (error instanceof SyntaxError || error instanceof RangeError)
      return { status: 400, body: { error: error.message } }
    throw error
  }
}

function compile(source: string): RegExp | null {
  try {
    return new RegExp(source)
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}
