/** The CD configuration of Supermicro X10 and X11: where the image is, and actions that mount and unmount it. */
import type { Bmc } from '../../bmc/bmc.ts'
import { refuse } from '../../bmc/messages.ts'
import type { BmcRequest, JsonObject, Reply } from '../../bmc/reply.ts'
import { ejectImage, insertImage } from '../../resources/insertion.ts'
import { type Branch, branch, checkKnown, objectBody, ok, quote } from '../../resources/resource.ts'

const properties = ['Host', 'Path', 'Username', 'Password']

/** A success of its own shape (fixtures/errors/supermicro/200-success-capital.json). */
const success: Reply = {
  status: 200,
  body: { Success: { code: 'Base.1.0.0.Success', Message: 'Successfully Completed Request.' } },
}

export function cdConfig(bmc: Bmc): Branch {
  const path = `${bmc.paths.manager}/VM1/CfgCD`
  const mountPath = `${path}/Actions/IsoConfig.Mount`
  const unmountPath = `${path}/Actions/IsoConfig.UnMount`
  let written: Readonly<Record<string, string>> = { Host: '', Path: '', Username: '', Password: '' }

  const document = (): JsonObject => ({
    '@odata.context': '/redfish/v1/$metadata#IsoConfig.IsoConfig',
    '@odata.type': '#IsoConfig.IsoConfig',
    '@odata.id': path,
    Id: '1',
    Name: 'VM1',
    ...written,
    Password: '********',
    Actions: { '#IsoConfig.Mount': { target: mountPath }, '#IsoConfig.UnMount': { target: unmountPath } },
  })

  const configure = (request: BmcRequest): Reply => {
    const read = objectBody(request)
    if ('refusal' in read) return read.refusal
    const unknown = checkKnown(read.body, properties)
    if (unknown !== null) return unknown
    const wrong = Object.entries(read.body).find(([, value]) => typeof value !== 'string')
    if (wrong !== undefined) {
      const [name, value] = wrong
      return refuse(400, { key: 'PropertyValueTypeError', args: [quote(value), name], related: [`/${name}`] })
    }
    const given = Object.entries(read.body).flatMap(([name, value]): [string, string][] =>
      typeof value === 'string' ? [[name, value]] : [],
    )
    written = { ...written, ...Object.fromEntries(given) }
    return success
  }

  const operate = (act: () => Reply | Promise<Reply>) => async (request: BmcRequest) => {
    const read = objectBody(request)
    if ('refusal' in read) return read.refusal
    const reply = checkKnown(read.body, []) ?? (await act())
    return reply.refusal === undefined ? success : reply
  }
  const slot = bmc.slots[0]
  if (slot === undefined) throw new RangeError('CfgCD needs a drive')
  return branch({
    [path]: { methods: { GET: () => ok(document()), PATCH: configure } },
    [mountPath]: {
      methods: {
        POST: operate(() => insertImage(bmc, slot, { Image: `${written['Host']}${written['Path']}` }, mountPath)),
      },
    },
    [unmountPath]: { methods: { POST: operate(() => ejectImage(bmc, slot)) } },
  })
}
