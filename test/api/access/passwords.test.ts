import { expect, test } from 'vitest'
import { hashPassword, parsePasswordHash, verifyPassword } from '../../../api/access/passwords.ts'

test('a hash verifies its own password and no other, and two hashes of one password differ', async () => {
  const [hash, again] = [await hashPassword('correct horse'), await hashPassword('correct horse')]
  expect(hash).not.toBe(again)
  expect(await verifyPassword('correct horse', parsePasswordHash(hash))).toBe(true)
  expect(await verifyPassword('correct horses', parsePasswordHash(hash))).toBe(false)
  expect(await verifyPassword('', parsePasswordHash(hash))).toBe(false)
})

// A test vector of the reference implementation: password, somesalt, t=2, m=2^16, p=1.
test('a hash that the reference implementation wrote is verified', async () => {
  const hash = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'
  expect(await verifyPassword('password', parsePasswordHash(hash))).toBe(true)
})

test.each([
  'plain text',
  '$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
  '$argon2id$v=19$m=9999999,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
  '$argon2id$v=19$m=65536,t=99,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
  '$argon2id$v=19$m=65536,t=0,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
])('%s is not a hash that is used, and the refusal does not show it', (text) => {
  expect(() => parsePasswordHash(text)).toThrow(RangeError)
  expect(() => parsePasswordHash(text)).not.toThrow(text)
})
