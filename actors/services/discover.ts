/**
 * Finds the BMC's resources and the layout of this job's media. A BMC that still matches its last probe is recognised;
 * a changed one is discovered anew, and a probe is requested, because slots or firmware have changed. Safe to repeat:
 * it only reads.
 */
import type { DescriptionData } from '../../machines/server/description.ts'
import type { Bmc, BmcDescription } from '../../redfish/bmc.ts'
import type { Bmcs } from '../bmcs/clients.ts'
import { StepFailure } from '../failure.ts'
import type { Service } from '../service.ts'
import { type Timing, timed } from '../timing.ts'
import { powerData } from './facts.ts'
import type { ProbeAgain } from './probe-server.ts'

export type DiscoverOptions = {
  readonly bmcs: Bmcs
  readonly timing: Timing
  /** The description that the last probe of a server found; null before the first probe. */
  readonly descriptionOf: (serial: string) => Promise<DescriptionData | null>
  readonly probeAgain: ProbeAgain
}

export function discover({ bmcs, timing, descriptionOf, probeAgain }: DiscoverOptions): Service<'discover'> {
  return {
    writesBmc: false,
    perform: async ({ jobId, serial }, { signal }) => {
      const known = await descriptionOf(serial)
      const { result, elapsed_ms } = await timed(timing, () =>
        bmcs.use(serial, async (bmc) => {
          const recognised = await recognise(bmc, known, signal)
          return recognised === null
            ? { found: await bmc.discover({ signal }), changed: known !== null }
            : { found: recognised, changed: false }
        }),
      )
      const { changed, found } = result
      const { layout } = found
      if (layout === null) {
        const slots = found.slots.map((slot) => `${slot.name} (${slot.mediaTypes.join(', ')})`).join('; ') || 'none'
        const advice = found.findings.filter(({ severity }) => severity === 'error').map((finding) => finding.advice)
        const message =
          `a virtual media slot that takes a CD is needed; this BMC offers: ${slots}. ${advice.join(' ')}`.trim()
        throw new StepFailure({ kind: 'unsupported', message })
      }
      if (changed) await probeAgain({ jobId, serial })
      return {
        vendor: found.vendor,
        model: found.model,
        firmware: found.manager.firmware,
        system: found.system.id,
        manager: found.manager.id,
        // A single slot holds the merged medium, so its name stands for both.
        layout: { task: layout.maintenance, ...layout },
        session: found.session,
        tls: found.tls,
        power: powerData(found.power),
        findings: found.findings.map((finding) => ({ ...finding })),
        elapsed_ms,
      }
    },
  }
}

/** The part of a description that a job needs. */
type Found = Pick<BmcDescription, 'model' | 'layout' | 'session' | 'tls' | 'power' | 'findings'> & {
  readonly vendor: string
  readonly system: Pick<BmcDescription['system'], 'id'>
  readonly manager: Pick<BmcDescription['manager'], 'id' | 'firmware'>
  readonly slots: readonly Pick<BmcDescription['slots'][number], 'name' | 'mediaTypes'>[]
}

async function recognise(bmc: Bmc, known: DescriptionData | null, signal: AbortSignal): Promise<Found | null> {
  if (known === null || known.layout === null) return null
  const { serial, layout } = known
  const slots = known.slots.map(({ id, name, media_types }) => ({ id, name, mediaTypes: media_types }))
  const seen = await bmc.recognise({ serial, layout, slots }, { signal })
  if (seen === null) return null
  const findings = known.findings.filter(({ code }) => !(passing as readonly string[]).includes(code))
  return { ...known, ...seen, layout, slots, findings: findings as BmcDescription['findings'] }
}

/** Findings about the moment of the probe, which a later job must not inherit. */
const passing = ['media-inserted', 'power-unknown', 'session-table-full'] as const
