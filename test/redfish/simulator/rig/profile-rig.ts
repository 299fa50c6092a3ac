// One BMC of a profile, spoken to as its vendor wants it, on a clock that stands still until it is told to go on.
import type { ProfileName } from '../../../../redfish/simulator/profiles/catalogue.ts'
import { profiles } from '../../../../redfish/simulator/profiles/catalogue.ts'
import { type SimulatedBmc, startSimulator } from '../../../../redfish/simulator/server.ts'
import { type Answer, basic, call, type Document } from './caller.ts'
import { ManualClock } from './manual-clock.ts'

export const image = 'http://192.0.2.1/token/boot.iso'
export const otherImage = 'http://192.0.2.1/token/task.iso'
export const stickImage = 'http://192.0.2.1/token/task.img'
const account = { username: 'admin', password: 'password-7f3a' }
const sessions = '/redfish/v1/SessionService/Sessions'

export type ProfileRig = {
  readonly bmc: SimulatedBmc
  readonly clock: ManualClock
  readonly system: string
  readonly manager: string
  get(path: string): Promise<Answer>
  post(path: string, body?: unknown): Promise<Answer>
  /** With the ETag of the resource, unless another one or none (null) is given. */
  patch(path: string, body: unknown, ifMatch?: string | null): Promise<Answer>
  boot(target?: string): Promise<Answer>
  reset(type: string): Promise<Answer>
  /** A login that sends these headers besides. */
  logIn(headers?: Readonly<Record<string, string>>): Promise<Answer>
  close(): Promise<void>
}

export type RigOptions = {
  readonly powerState?: 'On' | 'Off'
  readonly mood?: number
  readonly licensed?: boolean
}

/** The host is off unless told otherwise; `mood` is what `random` gives: 1 is a day without moods. */
export async function startProfile(
  profile: ProfileName,
  { powerState = 'Off', mood = 1, licensed = true }: RigOptions = {},
): Promise<ProfileRig> {
  const clock = new ManualClock()
  const simulator = await startSimulator({
    bmcs: [{ serial: 'SN-1', ...account, profile, powerState, checksImages: false, licensed }],
    clock,
    timing: { responseMs: 0 },
    random: () => mood,
  })
  const bmc = simulator.bmc('SN-1')
  const logIn = (headers: Readonly<Record<string, string>> = {}) =>
    call(bmc, sessions, { method: 'POST', body: { UserName: bmc.username, Password: bmc.password }, headers })
  const system = `/redfish/v1/Systems/${profiles[profile].system.id}`
  const manager = `/redfish/v1/Managers/${profiles[profile].manager.id}`
  const token = (await logIn()).headers.get('x-auth-token')
  const headers = { 'odata-version': '4.0', ...(token === null ? basic(bmc) : { 'x-auth-token': token }) }
  const get = (path: string) => call(bmc, path, { headers })
  const post = (path: string, body?: unknown) => call(bmc, path, { method: 'POST', headers, body })
  const patch = async (path: string, body: unknown, ifMatch?: string | null) => {
    const tag = ifMatch === undefined ? (await get(path)).headers.get('etag') : ifMatch
    return call(bmc, path, { method: 'PATCH', body, headers: tag === null ? headers : { ...headers, 'if-match': tag } })
  }
  return {
    bmc,
    clock,
    system,
    manager,
    get,
    post,
    patch,
    boot: (target = 'Cd') =>
      patch(system, { Boot: { BootSourceOverrideEnabled: 'Once', BootSourceOverrideTarget: target } }),
    reset: (type) => post(`${system}/Actions/ComputerSystem.Reset`, { ResetType: type }),
    logIn,
    close: () => simulator.close(),
  }
}

/** Status and id of the first message, `409 IDRAC.2.8.PSU501`; the status alone where there is none. */
export function says({ status, body }: Answer): string {
  const [, id] = /"Message(?:Id|ID)":"([^"]+)"/.exec(JSON.stringify(body)) ?? []
  return id === undefined ? `${status}` : `${status} ${id}`
}

/** The object at this path of names, empty where there is none. */
export function at(document: Document, ...names: readonly string[]): Document {
  return names.reduce<Document>((found, name) => {
    const next = found[name]
    return typeof next === 'object' && next !== null ? Object.fromEntries(Object.entries(next)) : {}
  }, document)
}

/** The members of a collection, in their order. */
export function membersOf({ body }: Answer): readonly string[] {
  return [...JSON.stringify(body['Members'] ?? []).matchAll(/"@odata\.id":"([^"]+)"/g)].map(([, path]) => path ?? '')
}
