// Every profile's key documents beside those captured of a real BMC of the same make. What differs is in golden files,
// to be read before it is recorded: what a client reads and does not find, or finds in another place.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { type ProfileName, profiles } from '../../../../redfish/simulator/profiles/catalogue.ts'
import { fixturesMissing, recordedTree } from '../../rig/fixtures.ts'
import type { Document } from '../rig/caller.ts'
import { captured, differences } from '../rig/captures.ts'
import { membersOf, type ProfileRig, startProfile } from '../rig/profile-rig.ts'

if (fixturesMissing !== null) process.stderr.write(`profiles/documents.test.ts is skipped: ${fixturesMissing}\n`)

function isProfile(name: string): name is ProfileName {
  return name in profiles
}

function asDocument(value: unknown): Document {
  if (typeof value !== 'object' || value === null) throw new Error('a captured document is no object')
  return Object.fromEntries(Object.entries(value))
}

/** The paths of the documents that clients begin with. */
async function keyPaths({ system, manager, get }: ProfileRig): Promise<readonly string[]> {
  const media = [`${system}/VirtualMedia`, `${manager}/VirtualMedia`, `${manager}/VM1`]
  const members = await Promise.all(media.map(async (path) => membersOf(await get(path))))
  const settings = [`${system}/Settings`, `${system}/Pending`]
  return [
    '/redfish/v1/',
    '/redfish/v1/Systems',
    '/redfish/v1/Managers',
    system,
    `${system}/ResetActionInfo`,
    ...settings,
    manager,
    ...media,
    ...members.flat(),
    '/redfish/v1/SessionService',
    '/redfish/v1/SessionService/Sessions',
  ].map((path) => path.replace(/\/$/, ''))
}

async function report(profile: ProfileName, capture: string): Promise<string> {
  const tree = recordedTree(capture)
  const rig = await startProfile(profile, { powerState: 'On' })
  try {
    if (profile === 'ami') {
      await rig.post(`${rig.manager}/Actions/Oem/Ami/VirtualMedia.EnableRMedia`, { RMediaState: 'Enable' })
      await rig.clock.advance(10_000)
    }
    const lines = [`${profile} beside ${capture}`]
    for (const path of await keyPaths(rig)) {
      const ours = await rig.get(path)
      const theirs = tree.get(path)
      if (ours.status !== 200 && theirs === undefined) continue
      lines.push('', path)
      if (theirs === undefined) lines.push('not captured')
      else if (ours.status !== 200) lines.push('only captured')
      else lines.push(...differences(ours.body, asDocument(theirs)))
    }
    return `${lines.join('\n')}\n`
  } finally {
    await rig.close()
  }
}

test.skipIf(fixturesMissing !== null).each(Object.entries(captured))(
  'the documents of %s differ from those of %s only where it is known (UPDATE_GOLDEN=1 records it anew)',
  async (name, capture) => {
    if (!isProfile(name)) throw new Error(`${name} is no profile`)
    const golden = resolve(import.meta.dirname, `../../../golden/simulator/${name}.txt`)
    const found = await report(name, capture)
    if (process.env['UPDATE_GOLDEN'] === '1') {
      mkdirSync(dirname(golden), { recursive: true })
      writeFileSync(golden, found)
    } else expect(found).toBe(readFileSync(golden, 'utf8'))
  },
)

test('the comparison notices what is missing, what is made up, another type and another target', () => {
  const theirs = { PowerState: 'On', Image: '', Sessions: { '@odata.id': '/a' }, Fans: 7 }
  const ours = { Image: 1, Sessions: { '@odata.id': '/b' }, Colour: 'red' }
  expect(differences(ours, theirs)).toEqual([
    '+ /Colour',
    '- /PowerState',
    '~ /Image is number, captured string',
    '~ /Sessions/@odata.id is /b, captured /a',
  ])
})
