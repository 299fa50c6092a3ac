import { describe } from 'vitest'
import { createTransientLedger } from '../../redfish/session-ledger.ts'
import { describeLedger } from './session-ledger-contract.ts'

describe('the ledger for the life of one client', () => {
  describeLedger(async () => createTransientLedger({ now: Date.now }))
})
