import { expect, test } from 'vitest'
import { throughOutage } from '../../../eventstore/postgres/patience.ts'

const patient = (patienceMs: number) => ({ patienceMs, signal: new AbortController().signal })
const refused = () => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })

test('a question waits until the database is back', async () => {
  const answers = [refused(), new Error('drizzle', { cause: Object.assign(new Error(), { code: '57P03' }) }), 'here']
  const ask = async () => {
    const answer = answers.shift()
    if (answer instanceof Error) throw answer
    return answer
  }
  expect(await throughOutage(patient(5000), ask)).toBe('here')
})

test('but not for ever', async () => {
  let asked = 0
  const ask = async () => {
    asked += 1
    throw refused()
  }
  await expect(throughOutage(patient(600), ask)).rejects.toThrow('ECONNREFUSED')
  expect(asked).toBeGreaterThan(1)
})

test('what is wrong with the question itself is said at once', async () => {
  let asked = 0
  const ask = async () => {
    asked += 1
    throw Object.assign(new Error('no such table'), { code: '42P01' })
  }
  await expect(throughOutage(patient(5000), ask)).rejects.toThrow('no such table')
  expect(asked).toBe(1)
})

test('nor for longer than the one who asks is there', async () => {
  const stopping = new AbortController()
  const ask = async () => {
    stopping.abort(new Error('stopping'))
    throw refused()
  }
  await expect(throughOutage({ patienceMs: 5000, signal: stopping.signal }, ask)).rejects.toThrow('ECONNREFUSED')
})
