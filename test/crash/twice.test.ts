/**
 * Every service performed twice in a row, as happens when its performer dies before the outcome is in the log: the second
 * time changes nothing, neither on the BMC nor in the log. The services are the product's own, from the table to the wire.
 */
import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, inject, onTestFinished, test } from 'vitest'
import { createBmcs } from '../../actors/bmcs/clients.ts'
import { redactMediaTokens } from '../../actors/media/access/redaction.ts'
import { mediaSigning } from '../../actors/media/access/signing.ts'
import { imageStore, taskStore } from '../../actors/media/files/store.ts'
import { createTaskMedia, maintenanceIsoName } from '../../actors/media/task-media.ts'
import { jobContext } from '../../actors/runtime.ts'
import type { Services } from '../../actors/service.ts'
import { createServiceTable } from '../../actors/services/table.ts'
import { realTiming } from '../../actors/timing.ts'
import type { JobEventData } from '../../machines/job/events.ts'
import { jobStream, serverStream } from '../../machines/kinds.ts'
import { createHttpBmc } from '../../redfish/client/client.ts'
import { type SimulatedBmc, startSimulator } from '../../redfish/simulator/server.ts'
import { controllerParts, databaseOfTest, requester } from '../actors/rig/controller.ts'
import { contextOf, recordedEvent, serial } from '../actors/rig/service-context.ts'
import { QUICK_LIMITS, QUICK_RETRIES } from '../redfish/rig/quick.ts'

type Name = keyof Services
/** A service's input, and which services were performed once before. */
type Case<Of extends Name> = { readonly input?: Partial<Services[Of]['input']>; readonly after?: readonly Name[] }
type Writes = readonly string[]

const mounted: readonly Name[] = ['mountMaintenance', 'mountTask']

const cases: { readonly [Of in Name]: readonly Case<Of>[] } = {
  admitJob: [{}],
  buildIso: [{}],
  buildMedium: [{}],
  discover: [{}],
  mountMaintenance: [{}, { after: ['mountMaintenance'] }],
  mountTask: [{}],
  setBootOverride: [{}],
  resetHost: [{}, { after: ['powerOffHost'] }],
  pollHost: [{}],
  powerOffHost: [{}, { after: ['powerOffHost'] }],
  unmountMedia: [{}, { after: mounted }],
  clearBootOverride: [{}, { after: ['setBootOverride'] }],
  powerOnHost: [{}, { after: ['powerOffHost'] }],
  releaseServer: [{}],
  probeServer: [{}],
  switchPower: [
    { input: { action: 'off' } },
    { input: { action: 'on' }, after: ['powerOffHost'] },
    { input: { action: 'restart' } },
  ],
  cleanUpServer: [{}, { after: [...mounted, 'setBootOverride', 'powerOffHost'] }],
}

/** A mount trusts nothing that a slot shows, so that it is the one thing that is done again, to the same end. */
const writesAgain: Partial<Record<Name, Writes>> = {
  mountMaintenance: ['VirtualMedia.EjectMedia', 'VirtualMedia.InsertMedia'],
  mountTask: ['VirtualMedia.EjectMedia', 'VirtualMedia.InsertMedia'],
}

async function setUp() {
  const simulator = await startSimulator({
    speed: 50,
    bmcs: [{ serial, username: 'admin', password: 'bmc-password-1', checksImages: false }],
  })
  onTestFinished(() => simulator.close())
  const bmc = simulator.bmc(serial)
  const parts = await controllerParts(await databaseOfTest())
  const registration = { serial, bmc_address: bmc.url, vendor: null, tls: { mode: 'system' as const }, labels: {} }
  await parts.servers.put(registration, { username: bmc.username, password: bmc.password }, requester)
  const jobId = await parts.requestJob(serial)
  const bmcs = createBmcs({
    access: parts.servers.access,
    recordLessons: async () => {},
    open: ({ registration: { bmc_address: address, tls }, credentials }) =>
      createHttpBmc({
        address,
        serial,
        ...credentials,
        tls: tls.mode === 'system' ? { mode: 'system' } : { mode: 'insecure' },
        limits: QUICK_LIMITS,
        retries: QUICK_RETRIES,
      }),
    log: parts.log,
  })
  onTestFinished(() => bmcs.close())
  const folder = await mkdtemp(join(inject('runDir'), 'twice-'))
  await writeFile(join(folder, maintenanceIsoName), 'stands in for the maintenance ISO')
  const store = taskStore(folder)
  // Nobody fetches anything: no host boots from these media.
  const publicUrl = 'http://192.0.2.1:8080'
  const services = createServiceTable({
    ...parts,
    bmcs,
    access: parts.servers.access,
    firstFingerprint: async () => null,
    publicUrl,
    media: createTaskMedia({
      store,
      images: imageStore(folder),
      vault: parts.vault,
      publicUrl,
      reportTokenKey: Buffer.alloc(32, 1),
      paddingSectors: 0,
      maintenanceIsoUrl: null,
      sourceOf: (id) => jobContext(parts.runtime, id),
    }),
    images: imageStore(folder),
    signing: mediaSigning({ current: 'a secret of the tests, of more than 32 characters' }),
    timing: realTiming,
    owner: 'one',
    redfishMode: 'http',
    maintenanceIsoUrl: null,
  })
  const [requested] = await parts.history(jobStream(jobId))
  if (requested === undefined) throw new Error('the job was not requested')
  const { recipe_ref: recipeRef, created_at: createdAt } = requested.data as JobEventData<'job.requested'>
  const [maintenance = '', task = ''] = ['CD1', 'CD2'].map((slot) => `/redfish/v1/Managers/BMC/VirtualMedia/${slot}`)
  const built = await services.buildIso.perform({ jobId, serial, recipeRef, createdAt }, contextOf())
  const byJob = { jobId, serial }
  const slots = { maintenance, task }
  const inputs: { readonly [Of in Name]: Services[Of]['input'] } = {
    admitJob: byJob,
    buildIso: { ...byJob, recipeRef, createdAt },
    buildMedium: { ...byJob, recipeRef, createdAt, form: 'img', maintenanceIsoUrl: null },
    discover: byJob,
    mountMaintenance: { ...byJob, slot: maintenance, url: null },
    mountTask: { ...byJob, slot: task, sha256: built.sha256 },
    setBootOverride: byJob,
    resetHost: byJob,
    pollHost: byJob,
    powerOffHost: byJob,
    unmountMedia: { ...byJob, ...slots },
    clearBootOverride: byJob,
    powerOnHost: byJob,
    releaseServer: { ...byJob, outcome: 'succeeded', cleanup: 'clean', slots, powerOn: false },
    probeServer: { serial },
    switchPower: { serial, action: 'off' },
    cleanUpServer: { serial, ...slots, powerOn: true },
  }
  return {
    bmc,
    perform: (name: Name, input: object, context: ReturnType<typeof contextOf>) =>
      services[name].perform({ ...inputs[name], ...input } as never, context),
    /** Everything that a second time must leave as it is. */
    picture: async () => ({
      bmc: pictureOf(bmc),
      log: [...(await parts.history(jobStream(jobId))), ...(await parts.history(serverStream(serial)))].map(
        ({ id, type }) => `${id} ${type}`,
      ),
      iso: (await store.open(jobId))?.sha256,
      img: (await store.open(jobId, 'img'))?.sha256,
    }),
  }
}

/** A transition that was begun counts as done, and an image is the same whatever the token of its URL. */
function pictureOf({ state, resets }: SimulatedBmc) {
  const slots = Object.entries(state.slots).map(([name, { inserted, image }]) => [
    name,
    inserted,
    image === null ? null : redactMediaTokens(image),
  ])
  return {
    slots,
    override: state.bootOverride,
    on: state.powerState === 'On' || state.powerState === 'PoweringOn',
    resets: resets.map(({ resetType }) => resetType),
  }
}

/** What was sent to change something, by the last part of its path. */
function writesOf(bmc: SimulatedBmc, from: number): Writes {
  return bmc.requests
    .slice(from)
    .filter(({ method }) => method !== 'GET')
    .map(({ path }) => path.split('/').at(-1) ?? '')
}

const all = (Object.keys(cases) as Name[]).flatMap((name) =>
  cases[name].map(({ input = {}, after = [] }: Case<Name>) => {
    const asked = 'action' in input ? ` (${input.action})` : ''
    return { name, input, after, what: `${name}${asked}${after.length > 0 ? ` after ${after.join(', ')}` : ''}` }
  }),
)

test.each(all)('$what: the second time changes nothing', async ({ name, input, after }) => {
  const { bmc, perform, picture } = await setUp()
  for (const before of after) await perform(before, {}, contextOf())

  const first = contextOf({ attempt: 1 })
  await perform(name, input, first)
  const once = await picture()
  const requests = bmc.requests.length

  const second = contextOf({ attempt: 2, before: first.facts.map((fact) => recordedEvent(fact)) })
  await perform(name, input, second)
  expect(await picture()).toEqual(once)
  expect(writesOf(bmc, requests)).toEqual(writesAgain[name] ?? [])
  // An announced reset is looked for, and the look is a fact; nothing else is recorded the second time.
  expect(second.facts.map(({ type }) => type)).toEqual(name === 'resetHost' ? ['redfish.reset.resolved'] : [])
})
