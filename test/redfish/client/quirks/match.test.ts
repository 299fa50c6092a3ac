// The quirk tables: every row says where it was learned, and no vendor is named anywhere else in the client.
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { BOOT_WAYS } from '../../../../redfish/client/quirks/boot-ways.ts'
import { isInRange, profileFor } from '../../../../redfish/client/quirks/match.ts'
import { MESSAGE_ROWS } from '../../../../redfish/client/quirks/messages.ts'
import { QUIRKS } from '../../../../redfish/client/quirks/models.ts'
import { DEFAULT_PROFILE, type Traits } from '../../../../redfish/client/quirks/profile.ts'
import { SLOT_WAYS } from '../../../../redfish/client/quirks/slot-ways.ts'
import {
  BOOT_FLAGS,
  LICENCES,
  LICENSED_ACTIONS,
  MEDIA_SWITCHES,
  MORE_SLOTS,
} from '../../../../redfish/client/quirks/switches.ts'
import { FIXTURES, fixturesMissing } from '../../rig/fixtures.ts'

const ROOT = resolve(import.meta.dirname, '../../../..')

const ROWS: readonly { readonly evidence: readonly string[] }[] = [
  ...QUIRKS,
  ...MESSAGE_ROWS,
  ...SLOT_WAYS,
  ...LICENCES,
  ...LICENSED_ACTIONS,
  ...MEDIA_SWITCHES,
  ...MORE_SLOTS,
  ...BOOT_FLAGS,
  ...Object.values(BOOT_WAYS),
]

test.skipIf(fixturesMissing !== null)(
  `every row of every table has evidence that exists (${fixturesMissing ?? 'it is looked up'})`,
  () => {
    const catalogue = readFileSync(join(FIXTURES, '../quirks.md'), 'utf8')
    const exists = (evidence: string) => {
      // A standard of the DMTF, by its number.
      if (/^DSP\d{4}$/.test(evidence)) return true
      const section = /^quirks\.md (\d+)$/.exec(evidence)?.[1]
      return section === undefined ? existsSync(join(FIXTURES, evidence)) : catalogue.includes(`\n## ${section}. `)
    }
    for (const row of ROWS) {
      expect(row.evidence.length, JSON.stringify(row)).toBeGreaterThan(0)
      expect(row.evidence.filter((evidence) => !exists(evidence))).toEqual([])
    }
  },
)

const VENDOR_NAME =
  /\b(dell|i?drac\d*|hpe?|ilo\d?|lenovo|xcc\d?|supermicro|smc|openbmc|ami|megarac|cisco|cimc|fujitsu|irmc|huawei|nvidia|dgx|sushy)\b/i

test('vendors are named in the tables and in what detects them, nowhere else', () => {
  const files = globSync('redfish/client/**/*.ts', { cwd: ROOT }).filter(
    (file) => !file.startsWith('redfish/client/quirks/') && file !== 'redfish/client/system/vendor.ts',
  )
  const naming = files.filter((file) => VENDOR_NAME.test(codeOf(readFileSync(join(ROOT, file), 'utf8'))))
  expect(files.length).toBeGreaterThan(30)
  expect(naming, 'make it a row of a table in redfish/client/quirks/').toEqual([])
})

/** A source without its comments, which may name the hardware that taught something. */
function codeOf(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
}

const traits = (change: Partial<Traits>): Traits => ({
  vendor: 'generic',
  model: null,
  controller: null,
  firmware: null,
  ...change,
})

test('rows apply by vendor, model, controller and firmware range, and their notices add up', () => {
  const idrac = (controller: string, firmware: string) => profileFor(traits({ vendor: 'dell', controller, firmware }))
  expect(idrac('14G Monolithic', '5.10.50.00').companionSlot).toBe(false)
  expect(idrac('15G Monolithic', '6.00.30.00').companionSlot).toBe(true)
  expect(idrac('13G Modular', '2.41.40.40').notices).toEqual(['cd-target-is-physical'])
  expect(idrac('17G Monolithic', '1.20.50.52').notices).toEqual(['boots-from-first-slot-only'])
  expect(profileFor(traits({ vendor: 'lenovo', model: 'ThinkSystem SR675 V3', firmware: 'X 1.80' }))).toMatchObject({
    resetsAvoided: ['ForceRestart'],
    notices: ['firmware-without-virtual-media'],
  })
  expect(profileFor(traits({}))).toEqual(DEFAULT_PROFILE)
})

test.each([
  ['6.00.30.00', { from: '6.00' }, true],
  ['10.5', { below: '6.00' }, false],
  ['iLO 4 v2.54', { from: '2.30', below: '2.60' }, true],
  ['TGBT42S 2.83 2023-07-05', { below: '2.50' }, false],
  ['01.13.04', { below: '1.13.5' }, true],
  ['unknown', { below: '99' }, false],
  [null, {}, false],
] as const)('%s in %j: %s', (firmware, range, expected) => {
  expect(isInRange(firmware, range)).toBe(expected)
})
