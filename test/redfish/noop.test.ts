import { expect, test } from 'vitest'
import { createNoopBmc, type NoopCall } from '../../redfish/noop.ts'
import { patience } from '../rig/patience.ts'
import { describeBmc, USUAL_TRAITS } from './bmc-contract.ts'

describeBmc('the noop client', {
  working: async () => ({
    bmc: createNoopBmc({ serial: 'NOOP1' }),
    serial: 'NOOP1',
    traits: USUAL_TRAITS,
    close: async () => {},
  }),
})

test('the noop client tells what it would have done, without the image', async () => {
  const calls: NoopCall[] = []
  const bmc = createNoopBmc({ serial: 'NOOP1', onCall: (call) => calls.push(call) })
  const options = { signal: patience() }
  const { slots } = await bmc.discover(options)
  const [slot] = slots
  if (slot === undefined) throw new Error('no slot')
  await bmc.insertMedia({ slot: slot.id, image: 'http://media/secret-token/a.iso' }, options)
  await bmc.restart({ ...options, onIntent: async () => {} })
  expect(calls.map(({ operation }) => operation)).toEqual(['discover', 'insertMedia', 'restart'])
  expect(JSON.stringify(calls)).not.toContain('secret-token')
})

test('a restart of the noop host uses the boot override up', async () => {
  const bmc = createNoopBmc({ serial: 'NOOP1', now: () => 1_700_000_000_000 })
  const options = { signal: patience() }
  await bmc.setBootOnceFromCd(options)
  await bmc.restart({ ...options, onIntent: async () => {} })
  expect(await bmc.bootOverride(options)).toMatchObject({ enabled: 'Disabled' })
})
