// What a probe finds is what the history has: nothing is lost between the two.
import { readdirSync, readFileSync } from 'node:fs'
import camelcaseKeys from 'camelcase-keys'
import snakecaseKeys from 'snakecase-keys'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { descriptionData } from '../../../actors/services/facts.ts'
import { powerData as powerSchema } from '../../../machines/event.ts'
import { jobEvents } from '../../../machines/job/events.ts'
import { checkEvent } from '../../../machines/kinds.ts'
import { descriptionData as descriptionSchema } from '../../../machines/server/description.ts'
import { learnedData as learnedSchema } from '../../../machines/server/learned.ts'
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

describe('the names of events come out of the conversions as they went in', () => {
  test.each([
    ['a description', descriptionSchema],
    ['a lesson', learnedSchema],
    ['a look at the power', powerSchema],
    ['an announced reset', jobEvents['redfish.reset.requested'].data],
    ['a reset', jobEvents['cleanup.reset.succeeded'].data],
    ['a boot override', jobEvents['redfish.boot-override.succeeded'].data],
  ])('%s', (_, schema) => {
    for (const name of namesIn(z.toJSONSchema(schema))) {
      expect(Object.keys(snakecaseKeys(camelcaseKeys({ [name]: null })))).toEqual([name])
    }
  })
})

/** The names of all members that a JSON schema has, at any depth. */
function namesIn(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return []
  const own = 'properties' in schema ? Object.keys(schema.properties as object) : []
  return [...own, ...Object.values(schema).flatMap(namesIn)]
}
