/** A function is read in one look. Biome's own rule leaves comments out of its count; a reader's screen does not. */
import { parseSync } from 'oxc-parser'
import { expect, test } from 'vitest'
import { sources, textOf } from './sources.ts'

const linesMax = 80
/** ESTree; methods have a FunctionExpression inside. */
const functionTypes = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'])

/** Each function of a file with a body: `file:line` and how many lines it takes from its first word to its last brace. */
function functionsOf(file: string): readonly { readonly place: string; readonly lines: number }[] {
  const text = textOf(file)
  const lineAt = (offset: number) => text.slice(0, offset).split('\n').length
  const found: { place: string; lines: number }[] = []
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    const { type, start, end, body } = node as { type?: string; start?: number; end?: number; body?: unknown }
    if (type !== undefined && functionTypes.has(type) && body && start !== undefined && end !== undefined)
      found.push({ place: `${file}:${lineAt(start)}`, lines: lineAt(end) - lineAt(start) + 1 })
    for (const child of Object.values(node)) visit(child)
  }
  visit(parseSync(file, text).program)
  return found
}

test('a function has at most eighty lines', () => {
  const measured = sources.flatMap(functionsOf)
  expect(measured.length).toBeGreaterThan(sources.length)
  const long = measured.filter(({ lines }) => lines > linesMax).map(({ place, lines }) => `${place} has ${lines}`)
  expect(long, 'each part of it that does one thing has a name: give it that').toEqual([])
})
