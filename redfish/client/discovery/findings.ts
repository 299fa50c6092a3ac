/** The facts about this BMC that an operator should know before a job, each with advice. Pure. */
import type { BmcDescription, Finding } from '../../bmc.ts'
import { ADVICE, type BmcFailure, problemOf } from '../../failure.ts'
import type { ResetType } from '../../vocabulary.ts'
import { powerOnType, restartSteps } from '../power/reset-types.ts'
import { type NoticeCode, noticeOf } from '../quirks/notices.ts'
import type { Authentication } from '../requests/authentication.ts'

export type FindingFacts = Pick<
  BmcDescription,
  'slots' | 'layout' | 'resetTypes' | 'resetTypesFrom' | 'power' | 'tls' | 'etags' | 'licence'
> & {
  /** The licence does not cover virtual media, by its name or by a refusal of the BMC. */
  readonly licenceLacks: boolean
  readonly remoteMediaDisabled: boolean
  /** The BMC has an action that makes more CD slots. */
  readonly moreSlotsPossible: boolean
  /** The service has a link to virtual media. */
  readonly virtualMediaLinked: boolean
  /** The refusal of a VirtualMedia resource, where the BMC showed none. */
  readonly mediaFailure: BmcFailure | null
  readonly cdTarget: string | null
  /** The override does not reach the virtual CD, and the vendor's own action that does is missing. */
  readonly bootActionMissing: boolean
  /** The host would boot the virtual CD in legacy BIOS mode, and the client must not change the mode. */
  readonly bootsLegacy: boolean
  /** The BMC takes a boot override for one boot. */
  readonly takesOnce: boolean
  readonly secureBoot: boolean | null
  readonly authentication: ReturnType<Authentication['state']>
  /** The registration allows broken protocols and ciphers. */
  readonly tlsLegacy: boolean
  /** The System has another serial number than the server record. */
  readonly serialDiffers: boolean
  readonly notices: readonly NoticeCode[]
}

const POWER_OFF: ReadonlySet<ResetType> = new Set<ResetType>(['GracefulShutdown', 'ForceOff'])

type Row = Finding & { readonly when: (facts: FindingFacts) => boolean }

const hasNoLayout = ({ layout, remoteMediaDisabled, licenceLacks }: FindingFacts) =>
  layout === null && !remoteMediaDisabled && !licenceLacks

const ROWS: readonly Row[] = [
  {
    code: 'serial-differs',
    severity: 'error',
    when: (facts) => facts.serialDiffers,
    message: 'The System behind this address has another serial number than the server.',
    advice: 'Check the address of the BMC before anything is installed: it may be another machine.',
  },
  {
    code: 'bmc-licence-missing',
    severity: 'error',
    when: (facts) => facts.licenceLacks,
    message: 'The licence of this BMC does not cover virtual media.',
    advice: ADVICE['bmc-licence-missing'],
  },
  {
    code: 'remote-media-disabled',
    severity: 'error',
    when: (facts) => facts.remoteMediaDisabled,
    message: 'Remote media is switched off on this BMC, so that it has no virtual media slots.',
    advice: 'Enable remote media in the settings of the BMC, or allow this controller to, and probe again.',
  },
  {
    code: 'virtual-media-unsupported',
    severity: 'error',
    when: (facts) => hasNoLayout(facts) && !facts.virtualMediaLinked,
    message: 'This firmware has no virtual media over Redfish: nothing in its service links to any.',
    advice: 'Update the firmware of the BMC to a build with virtual media, or install this server by other means.',
  },
  {
    code: 'virtual-media-unreadable',
    severity: 'error',
    when: (facts) => hasNoLayout(facts) && facts.virtualMediaLinked && facts.mediaFailure !== null,
    message: 'The BMC links to virtual media and does not show it.',
    advice:
      'Check that the account may use virtual media, that virtual media is switched on and licensed, and update the firmware of the BMC.',
  },
  {
    code: 'no-virtual-media',
    severity: 'error',
    when: (facts) => hasNoLayout(facts) && facts.virtualMediaLinked && facts.mediaFailure === null,
    message: 'No virtual media slot of this BMC takes a CD image.',
    advice: `Switch on virtual media in the settings of the BMC and check its firmware. ${ADVICE['bmc-licence-missing']}`,
  },
  {
    code: 'single-slot',
    severity: 'info',
    when: (facts) => facts.layout?.kind === 'single-cd',
    message: 'There is one usable slot, so that both media are merged into one image.',
    advice: 'Nothing to do; a merged image takes longer to build the first time.',
  },
  {
    code: 'more-slots-possible',
    severity: 'info',
    when: (facts) => facts.layout?.kind === 'single-cd' && facts.moreSlotsPossible,
    message: 'This BMC can be given more CD slots.',
    advice: 'Set the number of CD instances to 2 in the settings of the BMC; its media service restarts for minutes.',
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
    code: 'no-boot-action',
    severity: 'error',
    when: (facts) => facts.bootActionMissing,
    message: 'The boot override of this firmware does not reach virtual media, and the action that does is missing.',
    advice: 'Check that the BMC account may configure the Manager, and update the firmware of the BMC.',
  },
  {
    code: 'no-boot-once',
    severity: 'error',
    when: (facts) => !facts.takesOnce,
    message: 'This BMC does not offer to override the boot device once.',
    advice: 'Update the BMC firmware, or check whether the boot override is locked.',
  },
  {
    code: 'boot-mode-legacy',
    severity: 'warning',
    when: (facts) => facts.bootsLegacy,
    message: 'The host boots in legacy BIOS mode, which this BMC does not let a single boot change.',
    advice: 'Set the boot mode of the host to UEFI, or use a maintenance ISO that boots in legacy mode, too.',
  },
  {
    code: 'secure-boot-on',
    severity: 'warning',
    when: (facts) => facts.secureBoot === true,
    message: 'Secure Boot is on: the firmware of the host boots signed media only.',
    advice: 'Use a signed maintenance ISO, or switch Secure Boot off for the installation.',
  },
  {
    code: 'no-reset',
    severity: 'error',
    when: (facts) => facts.resetTypes.length === 0,
    message: 'This BMC offers no reset for the System.',
    advice: 'Check the privileges of the BMC account.',
  },
  {
    code: 'no-restart',
    severity: 'error',
    when: ({ resetTypes }) => resetTypes.length > 0 && restartSteps(resetTypes).length === 0,
    message: 'None of the resets that this BMC offers restarts a host that is on.',
    advice: 'Check the privileges of the BMC account and update the BMC firmware.',
  },
  {
    code: 'no-power-on',
    severity: 'error',
    when: ({ resetTypes }) => resetTypes.length > 0 && powerOnType(resetTypes) === null,
    message: 'None of the resets that this BMC offers switches the host on, which every cleanup needs.',
    advice: 'Check the privileges of the BMC account and update the BMC firmware.',
  },
  {
    code: 'no-power-off',
    severity: 'warning',
    when: ({ resetTypes }) => resetTypes.length > 0 && !resetTypes.some((type) => POWER_OFF.has(type)),
    message: 'None of the resets that this BMC offers switches the host off, so that no cleanup will be clean.',
    advice: 'Check the privileges of the BMC account and update the BMC firmware.',
  },
  {
    code: 'reset-types-assumed',
    severity: 'info',
    when: (facts) => facts.resetTypesFrom === 'assumed',
    message: 'This BMC does not list its reset types; the usual ones are tried.',
    advice: 'Nothing to do.',
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
  {
    code: 'tls-legacy',
    severity: 'warning',
    when: (facts) => facts.tlsLegacy && facts.tls !== 'none',
    message: 'TLS 1.0 and weak ciphers are allowed for this BMC.',
    advice: 'Update its firmware, and register it without legacy TLS.',
  },
]

/** The findings that follow from the facts, then the notices about the model. */
export function findings(facts: FindingFacts): readonly Finding[] {
  const found = ROWS.filter((row) => row.when(facts)).map(({ when: _, ...finding }) => withReason(finding, facts))
  return [...found, ...facts.notices.map(noticeOf)]
}

/** Adds the BMC's own words to the finding that it does not show its media. */
function withReason(finding: Finding, { mediaFailure }: FindingFacts): Finding {
  if (finding.code !== 'virtual-media-unreadable' || mediaFailure?.kind !== 'refused') return finding
  const said = [mediaFailure.status, mediaFailure.messageId, mediaFailure.message].filter((part) => part !== undefined)
  const problem = problemOf(mediaFailure)
  const advice = problem === null || problem === 'not-there' ? finding.advice : ADVICE[problem]
  return { ...finding, message: `${finding.message} It answers: ${said.join(' ')}.`, advice }
}
