/** Golden files: what a change of the machines changes, to be read as a diff. UPDATE_GOLDEN=1 writes them anew. */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'vitest'

export const goldenFolder = new URL('../golden/', import.meta.url)

/** Whether this run records instead of comparing. */
export const recording = process.env['UPDATE_GOLDEN'] === '1'

/** Compares with the recorded text. */
export function expectGolden(name: string, text: string): void {
  const file = new URL(name, goldenFolder)
  if (recording) writeFileSync(file, text)
  expect(text, `differs from test/golden/${name}; UPDATE_GOLDEN=1 records it anew`).toBe(readFileSync(file, 'utf8'))
}
