import { expect, test } from 'vitest'
import {
  type ListedSession,
  readListedSession,
  sessionsOfLost,
} from '../../../../redfish/client/requests/lost-logins.ts'

const at = (seconds: number) => 1_700_000_000_000 + seconds * 1000
/** The BMC's clock is an hour behind. */
const onBmc = (seconds: number) => at(seconds - 3600)
const listed = (path: string, createdAtMs: number | null, userName: string | null = 'root'): ListedSession => ({
  path,
  userName,
  createdAtMs,
})
const known = { askedAtMs: at(100), listed: listed('own', onBmc(101)), userName: 'root' }

test('a session of the account that was opened at the moment of the login is its', () => {
  const others = [listed('ours', onBmc(42)), listed('older', onBmc(20)), listed('other', onBmc(42), 'monitoring')]
  expect(sessionsOfLost([{ askedAtMs: at(40) }], known, others)).toEqual(['ours'])
})

test('nothing is there of a login that did not arrive', () => {
  expect(sessionsOfLost([{ askedAtMs: at(40) }], known, [])).toEqual([])
  expect(sessionsOfLost([{ askedAtMs: at(40) }], known, [listed('older', onBmc(20))])).toEqual([])
})

test('two sessions for one login cannot be told apart', () => {
  const others = [listed('one', onBmc(41)), listed('two', onBmc(43))]
  expect(sessionsOfLost([{ askedAtMs: at(40) }], known, others)).toBeNull()
  expect(sessionsOfLost([{ askedAtMs: at(40) }, { askedAtMs: at(42) }], known, others)).toEqual(['one', 'two'])
})

test('a BMC that does not say when sessions were opened leaves it open', () => {
  expect(sessionsOfLost([{ askedAtMs: at(40) }], known, [listed('one', null)])).toBeNull()
  const silent = { ...known, listed: listed('own', null) }
  expect(sessionsOfLost([{ askedAtMs: at(40) }], silent, [listed('one', onBmc(41))])).toBeNull()
})

test('iLO tells the time in a property of its own', () => {
  const doc = { UserName: 'root', Oem: { Hpe: { LoginTime: '2024-08-01T14:02:42Z' } } }
  expect(readListedSession('/1', doc)).toEqual(listed('/1', Date.parse('2024-08-01T14:02:42Z')))
  expect(readListedSession('/1', { CreatedTime: 'yesterday' })).toEqual(listed('/1', null, null))
})
