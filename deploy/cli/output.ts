/** How the command line prints: tables for people, JSON for programs. The only place that writes to standard output. */
import { stripVTControlCharacters, styleText } from 'node:util'

export type Output = {
  readonly line: (text?: string) => void
  readonly json: (value: unknown) => void
  /** Columns aligned by their widest cell. */
  readonly table: (rows: readonly (readonly string[])[]) => void
}

export const output: Output = {
  line: (text = '') => void process.stdout.write(`${text}\n`),
  json: (value) => void process.stdout.write(`${JSON.stringify(value, null, 2)}\n`),
  table: (rows) => {
    const width = (text: string) => stripVTControlCharacters(text).length
    const widths = rows.reduce<number[]>(
      (max, row) => row.map((cell, column) => Math.max(max[column] ?? 0, width(cell))),
      [],
    )
    for (const row of rows) {
      const cells = row.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - width(cell)))
      process.stdout.write(`${cells.join('  ').trimEnd()}\n`)
    }
  },
}

export const bold = (text: string) => styleText('bold', text)
export const dim = (text: string) => styleText('dim', text)
export const good = (text: string) => styleText('green', text)
export const bad = (text: string) => styleText('red', text)
export const warn = (text: string) => styleText('yellow', text)

/** A heading row for `table`. */
export const heading = (...names: readonly string[]) => names.map((name) => dim(name))
