import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createVault, UnsealError, type Vault } from '../../../eventstore/ledgers/vault.ts'
import { openWorld, type World } from '../rig/world.ts'

let world: World
let vault: Vault
const key = randomBytes(32)
const secret = '{"username":"root","password":"marked-calvin-4711"}'

beforeAll(async () => {
  world = await openWorld()
  vault = createVault(world.db, key)
})
afterAll(() => world.close())

async function kept(ref: string): Promise<string> {
  await vault.put(ref, Buffer.from(secret))
  return ref
}

async function failureOf(ref: string, opened = vault): Promise<string> {
  const error: unknown = await opened.get(ref).then(
    () => null,
    (reason: unknown) => reason,
  )
  if (!(error instanceof UnsealError)) throw new Error(`${ref} opened, or failed in another way: ${error}`)
  expect(`${error.stack} ${error.cause}`).not.toContain('marked')
  return error.message
}

test('what was put under a reference comes back', async () => {
  expect(Buffer.from(await vault.get(await kept('bmc/a'))).toString()).toBe(secret)
  await vault.put('recipe/empty', new Uint8Array())
  expect(await vault.get('recipe/empty')).toHaveLength(0)
})

test('a reference is written once: what comes again is left alone', async () => {
  await kept('bmc/once')
  await vault.put('bmc/once', Buffer.from('other'))
  expect(Buffer.from(await vault.get('bmc/once')).toString()).toBe(secret)
})

test('what was removed, or never put, does not open', async () => {
  await vault.remove(await kept('bmc/removed'))
  expect(await failureOf('bmc/removed')).toBe('nothing is kept under bmc/removed')
})

test('another key does not open it, and the message says which one does', async () => {
  await kept('bmc/key')
  expect(await failureOf('bmc/key', createVault(world.db, randomBytes(32)))).toMatch(
    /was sealed with key [0-9a-f]{16}, SECRETS_KEY is [0-9a-f]{16}/,
  )
})

test.each([
  ['a byte of the ciphertext', `ciphertext = set_byte(ciphertext, 3, get_byte(ciphertext, 3) # 1)`],
  [
    'a byte of the tag',
    `ciphertext = set_byte(ciphertext, length(ciphertext) - 1, get_byte(ciphertext, length(ciphertext) - 1) # 1)`,
  ],
  ['the nonce', `nonce = set_byte(nonce, 0, get_byte(nonce, 0) # 1)`],
  ['all but four bytes', `ciphertext = substring(ciphertext for 4)`],
  ['everything', `ciphertext = ''`],
])('altered bytes do not open: %s', async (what, assignment) => {
  const ref = await kept(`bmc/altered ${what}`)
  await world.owner.raw.unsafe(`update sealed set ${assignment} where ref = '${ref}'`)
  expect(await failureOf(ref)).toBe(`${ref} does not open: its stored bytes were altered`)
})

test('a row that was moved to another reference does not open', async () => {
  await kept('bmc/theirs')
  await world.owner.raw`update sealed set ref = 'bmc/mine' where ref = 'bmc/theirs'`
  expect(await failureOf('bmc/mine')).toContain('were altered')
})

test('the table shows nothing of the content, and the same content never looks the same', async () => {
  await kept('recipe/1')
  await kept('recipe/2')
  const rows = await world.owner.raw<{ row: string; ciphertext: Buffer; nonce: Buffer }[]>`
    select sealed::text as row, ciphertext, nonce from sealed where ref in ('recipe/1', 'recipe/2')`
  for (const { row, ciphertext } of rows) {
    for (const word of ['calvin', 'password', key.toString('hex')]) {
      expect(row).not.toContain(Buffer.from(word).toString('hex'))
      expect(ciphertext.includes(word)).toBe(false)
    }
  }
  expect(new Set(rows.map(({ ciphertext }) => ciphertext.toString('hex'))).size).toBe(2)
  expect(new Set(rows.map(({ nonce }) => nonce.toString('hex'))).size).toBe(2)
})

test('the application’s role cannot alter what is kept', async () => {
  await kept('bmc/fixed')
  await expect(world.raw`update sealed set key_id = 'x'`).rejects.toMatchObject({ code: '42501' })
})
