/**
 * Durable transitions per second, and the CPU time of each: decide, append, effects, read models, on the disk; against
 * emmett's appends, DBOS's steps and raw multi-row inserts, in turns on one database.
 *
 *   npm run bench:append [-- --json] [--seconds 2] [--rounds 3]
 */

import { withCpuTime } from '../cpu.ts'
import { withDatabase } from '../database.ts'
import { median, numberFlag, print, progress, quantile, shown } from '../report.ts'
import { type Contender, dbos, emmett, product, rawRows } from './contenders.ts'

const concurrencies = [1, 8, 64, 256]
const seconds = numberFlag('seconds', 2)
const rounds = numberFlag('rounds', 3)
const warmUpSeconds = 1

type Figure = {
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  /** Per transition. */
  readonly nodeUs: number
  readonly postgresUs: number
}

type Measurement = { readonly concurrency: number; readonly forSeconds: number; readonly folder: string }

async function measure(contender: Contender, { concurrency, forSeconds, folder }: Measurement): Promise<Figure> {
  const startedAt = performance.now()
  const { result: taken, cpu } = await withCpuTime(folder, () =>
    contender.run(concurrency, startedAt + forSeconds * 1000),
  )
  const perSecond = (taken.length * 1000) / (performance.now() - startedAt)
  const each = { nodeUs: cpu.nodeUs / taken.length, postgresUs: cpu.postgresUs / taken.length }
  return { perSecond, p50: quantile(taken, 0.5), p99: quantile(taken, 0.99), ...each }
}

const measured = await withDatabase(async (url, folder) => {
  const contenders = [product(url), await emmett(url), await dbos(url), await rawRows(url)].filter(
    (contender) => contender !== null,
  )
  if (contenders.length < 4) progress('without peers; `npm ci --prefix test/bench` installs them')
  const figures = new Map<string, Figure[]>()
  try {
    for (const contender of contenders) await measure(contender, { concurrency: 8, forSeconds: warmUpSeconds, folder })
    for (let round = 1; round <= rounds; round += 1)
      for (const concurrency of concurrencies)
        for (const contender of contenders) {
          const figure = await measure(contender, { concurrency, forSeconds: seconds, folder })
          const name = `${contender.name}.${concurrency}`
          figures.set(name, [...(figures.get(name) ?? []), figure])
          progress(`round ${round}: ${name} ${shown(figure.perSecond)}/s`)
        }
  } finally {
    for (const contender of contenders) await contender.close()
  }
  return { figures, names: contenders.map(({ name }) => name) }
})

const nothing: Figure = {
  perSecond: Number.NaN,
  p50: Number.NaN,
  p99: Number.NaN,
  nodeUs: Number.NaN,
  postgresUs: Number.NaN,
}
const figures: Record<string, number> = {}
const ratios: Record<string, number> = {}
const table = [['contender', 'actors', 'per second', 'p50 ms', 'p99 ms', 'node µs', 'PostgreSQL µs']]
for (const concurrency of concurrencies) {
  const ours = measured.figures.get(`ours.${concurrency}`) ?? []
  for (const name of measured.names) {
    const all = measured.figures.get(`${name}.${concurrency}`) ?? []
    const of = (value: (figure: Figure) => number) => median(all.map(value))
    const medians = {
      per_second: of(({ perSecond }) => perSecond),
      p50_ms: of(({ p50 }) => p50),
      p99_ms: of(({ p99 }) => p99),
      node_us: of(({ nodeUs }) => nodeUs),
      postgres_us: of(({ postgresUs }) => postgresUs),
    }
    for (const [unit, value] of Object.entries(medians)) figures[`${name}.${concurrency}.${unit}`] = value
    table.push([name, String(concurrency), ...Object.values(medians).map(shown)])
    if (name === 'ours') continue
    const ratioOf = (value: (figure: Figure) => number) =>
      median(ours.map((figure, round) => value(figure) / value(all[round] ?? nothing)))
    ratios[`ours/${name}.${concurrency}`] = ratioOf(({ perSecond }) => perSecond)
    ratios[`ours/${name}.${concurrency}.cpu`] = ratioOf(({ nodeUs, postgresUs }) => nodeUs + postgresUs)
  }
}
print({ bench: 'append', figures, ratios }, table)
