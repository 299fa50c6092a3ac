/** Finds out what the BMC has and how this job's media fit. Safe to repeat: it only reads. */

import type { Bmcs } from '../bmcs.ts'
import { StepFailure } from '../failure.ts'
import type { Service } from '../service.ts'
import { type Timing, timed } from '../timing.ts'
import { powerData } from './facts.ts'

export function discover({ bmcs, timing }: { readonly bmcs: Bmcs; readonly timing: Timing }): Service<'discover'> {
  return {
    writesBmc: false,
    perform: async ({ serial }, { signal }) => {
      const { result, elapsed_ms } = await timed(timing, () => bmcs.use(serial, (bmc) => bmc.discover({ signal })))
      const { layout } = result
      if (layout === null) {
        const slots = result.slots.map((slot) => `${slot.name} (${slot.mediaTypes.join(', ')})`).join('; ') || 'none'
        const advice = result.findings.filter(({ severity }) => severity === 'error').map((finding) => finding.advice)
        const message =
          `a virtual media slot that takes a CD is needed; this BMC offers: ${slots}. ${advice.join(' ')}`.trim()
        throw new StepFailure({ kind: 'unsupported', message })
      }
      return {
        vendor: result.vendor,
        model: result.model,
        firmware: result.manager.firmware,
        system: result.system.id,
        manager: result.manager.id,
        // A single slot holds both media, as one.
        layout: { task: layout.maintenance, ...layout },
        session: result.session,
        tls: result.tls,
        power: powerData(result.power),
        findings: result.findings.map((finding) => ({ ...finding })),
        elapsed_ms,
      }
    },
  }
}
