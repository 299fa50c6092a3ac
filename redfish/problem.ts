/**
 * What a refusal of a BMC means, whatever its vendor calls it, and what an operator can do about it. The words of the
 * BMCs are mapped to these by `http/quirks/messages.ts` (quirks.md 15).
 */

/** One thing that a BMC can be saying no for. */
export type Problem =
  | 'bmc-licence-missing'
  | 'configuration-locked'
  | 'virtual-media-disabled'
  | 'image-unreachable'
  | 'image-not-accepted'
  | 'slot-in-use'
  | 'slot-empty'
  | 'session-table-full'
  | 'credentials-refused'
  | 'account-locked'
  | 'password-change-required'
  | 'access-denied'
  | 'authorization-not-wanted'
  | 'host-in-post'
  | 'reset-in-progress'
  | 'already-in-state'
  | 'state-conflict'
  | 'power-off-required'
  | 'job-running'
  | 'bmc-not-ready'
  | 'bmc-overloaded'
  | 'precondition'
  | 'parameter-missing'
  | 'parameter-unknown'
  | 'value-not-accepted'
  | 'read-only'
  | 'not-offered'
  | 'request-malformed'
  | 'not-there'
  | 'internal-error'

const REPORT = 'Record the exchange with this BMC and report it: the client should have adapted its request.'

/** What to tell the operator, one line per problem. */
export const ADVICE: Readonly<Record<Problem, string>> = {
  'bmc-licence-missing':
    'Install the licence that the BMC names; virtual media needs iLO Advanced, iDRAC Enterprise or Datacenter, XCC Advanced or Enterprise, Supermicro SFT-DCMS-SINGLE or SFT-OOB-LIC, or the iRMC media licence.',
  'configuration-locked': 'Switch off lockdown mode on the BMC: it refuses every change while it is on.',
  'virtual-media-disabled':
    'Switch on virtual media in the settings of the BMC (iLO: access settings; iDRAC: attach mode Attach or Auto-Attach; AMI: remote media support).',
  'image-unreachable':
    'Check that the BMC reaches the media server: address and name resolution as seen from the BMC, port, firewall, and, for https, that the BMC trusts the certificate.',
  'image-not-accepted':
    'The BMC does not take an image of this kind or protocol: CD slots want .iso, removable slots .img; some BMCs want https, some a short URL.',
  'slot-in-use':
    'End other virtual media sessions of this BMC (KVM consoles, other tools); if that does not help, restart the BMC.',
  'slot-empty': 'Nothing to do: nothing was mounted.',
  'session-table-full': 'End sessions on the BMC that nobody needs, or wait until they time out (20 to 30 minutes).',
  'credentials-refused': 'Check the user name and the password that this server is registered with.',
  'account-locked': 'Wait until the BMC unlocks the account, or unlock it, then check the registered password.',
  'password-change-required': 'Log in to the BMC once and change the initial password, then register the new one.',
  'access-denied': 'Give the BMC account the privileges to configure the BMC, use virtual media and control power.',
  'authorization-not-wanted': REPORT,
  'host-in-post': 'Wait until the host has left POST, or switch it off, and try again.',
  'reset-in-progress': 'Wait until the reset that is under way has ended, and try again.',
  'already-in-state': 'Nothing to do if the power state is the wanted one; otherwise try again in a minute.',
  'state-conflict': 'Wait a minute and try again: the BMC does not take this action so soon after the last one.',
  'power-off-required': 'Switch the host off first: the BMC does not do this while it is on.',
  'job-running': 'Wait for the job that runs on the BMC, or clear its job queue and pending changes; then try again.',
  'bmc-not-ready': 'Wait a few minutes and try again; if it stays so, restart the BMC.',
  'bmc-overloaded': 'Let the BMC rest: stop other clients that poll it, then try again.',
  precondition: 'Another client changed this resource at the same time; make sure that only one works on this BMC.',
  'parameter-missing': REPORT,
  'parameter-unknown': REPORT,
  'value-not-accepted': REPORT,
  'read-only': REPORT,
  'not-offered': 'This firmware does not offer the action; update the firmware of the BMC.',
  'request-malformed': REPORT,
  'not-there': 'Probe the server again: what is asked for is not there (any more), or this firmware lacks it.',
  'internal-error': 'Try again later; if it stays so, restart the BMC and update its firmware.',
}
