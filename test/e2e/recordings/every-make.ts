/** A whole job is recorded on every make, in the layout that it offers, and runs again from the file alone. */
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ProfileName, profiles } from '../../../redfish/simulator/profiles/catalogue.ts'
import { baseKinds, makeBase } from '../../actors/media/rig/base-iso.ts'
import { startHttpsFront } from '../../rig/https-front.ts'
import { type SiteOptions, startSite } from '../rig/site.ts'
import { expectSameRun, type OpenedSite, recordJob, replayFile } from './recorded-jobs.ts'

const names = Object.keys(profiles) as readonly ProfileName[]

const serialOf = (name: ProfileName) => `MARKED-${name}-4711`

let made: string
let base: string
let recording: OpenedSite

/** A site whose media are served over https: upstream OpenBMC and iRMC take nothing else. */
async function openSite(bmcs: SiteOptions['bmcs']): Promise<OpenedSite> {
  const front = await startHttpsFront()
  const site = await startSite({
    bmcs,
    settings: { PUBLIC_URL: front.url, REDFISH_SWITCH_ON_MEDIA: 'true' },
    trusted: front.certificate,
  })
  front.forwardTo(site.controller.url)
  // One that boots: task files are merged into no other.
  await copyFile(base, join(site.folder, 'images', 'maintenance.iso'))
  const stop = async () => {
    await site.stop()
    await front.stop()
  }
  return { site: { ...site, stop }, trusted: front.certificate }
}

beforeAll(async () => {
  made = await mkdtemp(join(tmpdir(), 'provisioner-recordings-'))
  base = await makeBase(made, baseKinds['UEFI from CD and disk, the EFI image in a GPT of its own'])
  recording = await openSite(names.map((profile) => ({ profile, serial: serialOf(profile) })))
})

afterAll(async () => {
  await recording.site.stop()
  await rm(made, { recursive: true, force: true })
})

test.concurrent.each(names)('a whole job that was recorded on %s runs again from the file alone', async (name) => {
  const recorded = await recordJob(recording.site, serialOf(name))
  expect(recorded.job).toMatchObject({ failure: null, outcome: 'succeeded', cleanup: 'clean' })
  expect(recorded.recording.header.missing).toEqual([])
  const again = await replayFile(recorded.text, () => openSite([{}]))
  expectSameRun(again, recorded)
  expect(again.outstanding).toEqual([])
})
