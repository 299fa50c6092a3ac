// A plain Redfish caller for tests: one request, what came back.
import type { SimulatedBmc } from '../../../../redfish/simulator/server.ts'
import { patience } from '../../../rig/patience.ts'

export const systemPath = '/redfish/v1/Systems/1'
export const resetPath = `${systemPath}/Actions/ComputerSystem.Reset`
export const managerPath = '/redfish/v1/Managers/BMC'
export const mediaPath = `${managerPath}/VirtualMedia`
export const sessionsPath = '/redfish/v1/SessionService/Sessions'

export type Document = Readonly<Record<string, unknown>>
export type Answer = { readonly status: number; readonly headers: Headers; readonly body: Document }
export type Call = {
  readonly method?: string
  readonly body?: unknown
  /** Replaces the Basic credentials. */
  readonly headers?: Readonly<Record<string, string>>
}

export function basic(bmc: SimulatedBmc): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${bmc.username}:${bmc.password}`).toString('base64')}` }
}

export async function call(
  bmc: SimulatedBmc,
  path: string,
  { method = 'GET', body, headers }: Call = {},
): Promise<Answer> {
  const response = await fetch(`${bmc.url}${path}`, {
    method,
    headers: { ...(headers ?? basic(bmc)), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    body: body === undefined ? null : JSON.stringify(body),
    signal: patience(),
  })
  const text = await response.text()
  const parsed: unknown = text === '' ? {} : JSON.parse(text)
  if (typeof parsed !== 'object' || parsed === null) throw new Error(`${path} answered no document`)
  return { status: response.status, headers: response.headers, body: Object.fromEntries(Object.entries(parsed)) }
}

export async function post(bmc: SimulatedBmc, path: string, body: unknown): Promise<Answer> {
  return await call(bmc, path, { method: 'POST', body })
}

export async function insert(bmc: SimulatedBmc, slot: string, image: string): Promise<Answer> {
  return await post(bmc, `${mediaPath}/${slot}/Actions/VirtualMedia.InsertMedia`, { Image: image })
}

export async function eject(bmc: SimulatedBmc, slot: string): Promise<Answer> {
  return await post(bmc, `${mediaPath}/${slot}/Actions/VirtualMedia.EjectMedia`, {})
}

export async function reset(bmc: SimulatedBmc, resetType: string): Promise<Answer> {
  return await post(bmc, resetPath, { ResetType: resetType })
}

/** Status and message key of a refusal, `400 Base.1.16.PropertyUnknown`. */
export function refusal({ status, body }: Answer): string {
  const { error } = body
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  return `${status} ${code}`
}
