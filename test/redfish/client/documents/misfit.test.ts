import fc from 'fast-check'
import { expect, test } from 'vitest'
import { misfit } from '../../../../redfish/client/documents/misfit.ts'

const TYPES = { Inserted: 'boolean', Image: 'string', PowerState: 'string' } as const
const BOOT = ['BootSourceOverrideEnabled', 'BootSourceOverrideTarget', 'BootSourceOverrideMode'] as const

const values = fc.oneof(fc.boolean(), fc.integer(), fc.string(), fc.array(fc.string()), fc.object())
const property = fc.constantFrom(...Object.entries(TYPES))

test('a value that says whether there is something to do passes only in its own type', () => {
  fc.assert(
    fc.property(property, values, ([name, type], value) => {
      const expected = typeof value === type ? null : `${name} is not a ${type}`
      expect(misfit({ [name]: value })).toBe(expected)
    }),
  )
})

test('so it is with the parts of the boot override', () => {
  fc.assert(
    fc.property(fc.constantFrom(...BOOT), values, (name, value) => {
      const expected = typeof value === 'string' ? null : `${name} is not a string`
      expect(misfit({ Boot: { [name]: value } })).toBe(expected)
    }),
  )
})

test.each([
  ['is missing', {}],
  ['is null', { Inserted: null, Image: null, PowerState: null, Boot: null }],
  ['is null in Boot', { Boot: { BootSourceOverrideEnabled: null, BootSourceOverrideTarget: null } }],
  ['is as it should be', { Inserted: false, Image: '', PowerState: 'Off', Boot: { BootSourceOverrideMode: 'UEFI' } }],
  ['is not one of those that count', { Name: 7, Boot: { BootOrder: {} } }],
])('nothing is wrong with a document where a value %s', (_, doc) => {
  expect(misfit(doc)).toBeNull()
})

test.each([['Cd'], [7], [['Cd']]])('a boot override that is %j and no object does not read as none', (boot) => {
  expect(misfit({ Boot: boot })).toBe('Boot is not an object')
})
