// What a probe finds is what the history has: nothing is lost between the two.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { descriptionData } from '../../../actors/services/facts.ts'
import { checkEvent } from '../../../machines/kinds.ts'
import type { BmcDescription } from '../../../redfish/bmc.ts'
import { goldenFolder } from '../../machines/golden.ts'

const probes = new URL('probes/', goldenFolder)

/** The same value with the names of its members as events write them. */
function inEventWords(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inEventWords)
  if (typeof value !== 'object' || value === null) return value
  const words = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [words(name), inEventWords(member)]))
}

describe('the description of a BMC', () => {
  test.each(readdirSync(probes))('%s is recorded whole', (file) => {
    const found: BmcDescription = JSON.parse(readFileSync(new URL(file, probes), 'utf8'))
    const description = descriptionData(found)
    expect(description).toEqual(inEventWords(found))
    const data = { description, fingerprint: null, elapsed_ms: 1 }
    expect(checkEvent('server', { type: 'server.probe.succeeded', data })).toEqual({ version: 2 })
  })
})
