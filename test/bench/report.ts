/** What a benchmark prints: a table for people, or with `--json` one object on standard output. */
import { arch, cpus } from 'node:os'

export type Report = {
  readonly bench: string
  /** A figure names its unit: `ours.64.per_second`. Medians of the rounds. */
  readonly figures: Readonly<Record<string, number>>
  /** Medians of the rounds' own ratios, since contenders run in turn within a round. */
  readonly ratios: Readonly<Record<string, number>>
}

export const asJson = process.argv.includes('--json')

/** The value of `--name 3` on the command line. @throws RangeError unless it is a positive number. */
export function numberFlag(name: string, otherwise: number): number {
  const at = process.argv.indexOf(`--${name}`)
  if (at < 0) return otherwise
  const value = Number(process.argv[at + 1])
  if (!(value > 0)) throw new RangeError(`--${name} wants a positive number`)
  return value
}

/** The values of `--name 1,2,3`. @throws RangeError unless all are positive numbers. */
export function numbersFlag(name: string, otherwise: readonly number[]): readonly number[] {
  const text = textFlag(name)
  if (text === null) return otherwise
  const values = text.split(',').map(Number)
  if (!values.every((value) => value > 0)) throw new RangeError(`--${name} wants positive numbers, as 1,2,3`)
  return values
}

/** The value of `--name text`; null without one. */
export function textFlag(name: string): string | null {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? null : (process.argv[at + 1] ?? null)
}

/** A line for who waits; standard output holds nothing but the result. */
export function progress(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** Prints a result; `table` has its heading first, `notes` say what people should know of it. */
export function print(report: Report, table: readonly (readonly string[])[], notes: readonly string[] = []): void {
  const machine = { cpu: cpus()[0]?.model ?? arch(), cores: cpus().length, node: process.version }
  if (asJson) {
    process.stdout.write(`${JSON.stringify({ bench: report.bench, machine, ...rounded(report) })}\n`)
    return
  }
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart((widths[column] ?? 0) + 2)))
  process.stdout.write(`${report.bench}: ${machine.cpu}, ${machine.cores} cores, node ${machine.node}\n`)
  for (const row of table) process.stdout.write(`${line(row).join('')}\n`)
  for (const [name, value] of Object.entries(report.ratios)) process.stdout.write(`${name} = ${shown(value)}\n`)
  for (const note of notes) process.stdout.write(`${note}\n`)
}

/** Three digits are more than such measurements hold. */
export function shown(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(value >= 1000 ? 4 : 3))) : '–'
}

function rounded({ figures, ratios }: Report) {
  const round = (values: Readonly<Record<string, number>>) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value.toPrecision(4))]))
  return { figures: round(figures), ratios: round(ratios) }
}

/** NaN when there is nothing to choose from. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
