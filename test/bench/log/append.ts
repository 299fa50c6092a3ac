/**
 * Durable transitions per second: decide, append, effects, read models, on the disk; against emmett's appends, DBOS's
 * steps and raw multi-row inserts, in turns on one database.
 *
 *   npm run bench:append [-- --json] [--seconds 2] [--rounds 3]
 */

import { withDatabase } from '../database.ts'
import { median, numberFlag, print, progress, quantile, shown } from '../report.ts'
import { type Contender, dbos, emmett, product, rawRows } from './contenders.ts'

const concurrencies = [1, 8, 64, 256]
const seconds = numberFlag('seconds', 2)
const rounds = numberFlag('rounds', 3)
const warmUpSeconds = 1

type Figure = { readonly perSecond: number; readonly p50: number; readonly p99: number }

async function measure(contender: Contender, concurrency: number, forSeconds: number): Promise<Figure> {
  const startedAt = performance.now()
  const taken = await contender.run(concurrency, startedAt + forSeconds * 1000)
  const perSecond = (taken.length * 1000) / (performance.now() - startedAt)
  return { perSecond, p50: quantile(taken, 0.5), p99: quantile(taken, 0.99) }
}

const measured = await withDatabase(async (url) => {
  const contenders = [product(url), await emmett(url), await dbos(url), await rawRows(url)].filter(
    (contender) => contender !== null,
  )
  if (contenders.length < 4) progress('without peers; `npm ci --prefix test/bench` installs them')
  const figures = new Map<string, Figure[]>()
  try {
    for (const contender of contenders) await measure(contender, 8, warmUpSeconds)
    for (let round = 1; round <= rounds; round += 1)
      for (const concurrency of concurrencies)
        for (const contender of contenders) {
          const figure = await measure(contender, concurrency, seconds)
          const name = `${contender.name}.${concurrency}`
          figures.set(name, [...(figures.get(name) ?? []), figure])
          progress(`round ${round}: ${name} ${shown(figure.perSecond)}/s`)
        }
  } finally {
    for (const contender of contenders) await contender.close()
  }
  return { figures, names: contenders.map(({ name }) => name) }
})

const figures: Record<string, number> = {}
const ratios: Record<string, number> = {}
const table = [['contender', 'actors', 'per second', 'p50 ms', 'p99 ms']]
for (const concurrency of concurrencies) {
  const ours = measured.figures.get(`ours.${concurrency}`) ?? []
  for (const name of measured.names) {
    const all = measured.figures.get(`${name}.${concurrency}`) ?? []
    const perSecond = median(all.map((figure) => figure.perSecond))
    const p50 = median(all.map((figure) => figure.p50))
    const p99 = median(all.map((figure) => figure.p99))
    figures[`${name}.${concurrency}.per_second`] = perSecond
    figures[`${name}.${concurrency}.p50_ms`] = p50
    figures[`${name}.${concurrency}.p99_ms`] = p99
    table.push([name, String(concurrency), ...[perSecond, p50, p99].map(shown)])
    if (name === 'ours') continue
    ratios[`ours/${name}.${concurrency}`] = median(
      ours.map((figure, round) => figure.perSecond / (all[round]?.perSecond ?? Number.NaN)),
    )
  }
}
print({ bench: 'append', figures, ratios }, table)
