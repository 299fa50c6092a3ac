/** What an operator should know about this BMC before a job needs it, with what to do about it. Pure. */
import type { BmcDescription, Finding } from '../bmc.ts'
import type { Authentication } from './session.ts'

export type FindingFacts = Pick<BmcDescription, 'slots' | 'layout' | 'resetTypes' | 'power' | 'tls'> & {
  readonly remoteMediaDisabled: boolean
  readonly cdTarget: string | null
  readonly authentication: ReturnType<Authentication['state']>
  /** The System has another serial number than the server record. */
  readonly serialDiffers: boolean
}

type Row = Finding & { readonly when: (facts: FindingFacts) => boolean }

const ROWS: readonly Row[] = [
  {
    code: 'serial-differs',
    severity: 'error',
    when: (facts) => facts.serialDiffers,
    message: 'The System behind this address has another serial number than the server.',
    advice: 'Check the address of the BMC before anything is installed: it may be another machine.',
  },
  {
    code: 'remote-media-disabled',
    severity: 'error',
    when: (facts) => facts.remoteMediaDisabled,
    message: 'Remote media is switched off on this BMC, so that it has no virtual media slots.',
    advice: 'Enable remote media in the BMC settings (AMI: EnableRMedia) and probe again.',
  },
  {
    code: 'no-virtual-media',
    severity: 'error',
    when: (facts) => facts.layout === null && !facts.remoteMediaDisabled,
    message: 'No virtual media slot of this BMC takes a CD image.',
    advice: 'Check the licence of the BMC (iLO Advanced, iDRAC Enterprise, XCC Advanced, SFT-DCMS) and its firmware.',
  },
  {
    code: 'single-slot',
    severity: 'info',
    when: (facts) => facts.layout?.kind === 'single-cd',
    message: 'There is one usable slot, so that both media are merged into one image.',
    advice: 'Nothing to do; a merged image takes longer to build the first time.',
  },
  {
    code: 'media-inserted',
    severity: 'warning',
    when: (facts) => facts.slots.some((slot) => slot.inserted),
    message: 'A slot already holds media.',
    advice: 'It will be ejected by the next job. Make sure that nobody needs it.',
  },
  {
    code: 'no-cd-boot',
    severity: 'error',
    when: (facts) => facts.cdTarget === null,
    message: 'None of the boot targets that this BMC allows is the virtual CD.',
    advice: 'Update the BMC and BIOS firmware, or check whether the boot override is locked.',
  },
  {
    code: 'no-reset',
    severity: 'error',
    when: (facts) => facts.resetTypes.length === 0,
    message: 'This BMC offers no reset for the System.',
    advice: 'Check the privileges of the BMC account.',
  },
  {
    code: 'power-unknown',
    severity: 'warning',
    when: (facts) => facts.power.powerState === 'Unknown',
    message: 'The BMC does not tell whether the host is on.',
    advice: 'It may just have been restarted; probe again in a few minutes.',
  },
  {
    code: 'sessions-unsupported',
    severity: 'info',
    when: (facts) => facts.authentication === 'basic',
    message: 'This BMC has no sessions, so that every request carries the password.',
    advice: 'Use https with a verified or pinned certificate.',
  },
  {
    code: 'session-table-full',
    severity: 'warning',
    when: (facts) => facts.authentication === 'table-full',
    message: 'All sessions of this BMC are in use; requests authenticate with the password for now.',
    advice: 'Find out what leaks sessions, or delete old ones on the BMC.',
  },
  {
    code: 'tls-none',
    severity: 'warning',
    when: (facts) => facts.tls === 'none',
    message: 'The BMC is spoken to over plain http: credentials travel unencrypted.',
    advice: 'Register it with an https address.',
  },
  {
    code: 'tls-insecure',
    severity: 'warning',
    when: (facts) => facts.tls === 'insecure',
    message: 'The certificate of the BMC is not checked.',
    advice: 'Pin its fingerprint or give its CA.',
  },
]

export function findings(facts: FindingFacts): readonly Finding[] {
  return ROWS.filter((row) => row.when(facts)).map(({ when: _, ...finding }) => finding)
}
