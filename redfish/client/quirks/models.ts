/** Quirks by vendor, model and firmware. Rows that match are applied in order, later ones over earlier ones. */
import type { Quirk } from './profile.ts'

const DELL: readonly Quirk[] = [
  {
    when: { vendor: 'dell' },
    // A changed mode creates a BIOS job and a reboot (ironic story 2008712).
    change: { bootMode: 'if-same' },
    evidence: ['quirks.md 8'],
  },
  {
    when: { vendor: 'dell' },
    // `Inserted` stays true for some five seconds after an eject (ironic story 2008504).
    change: { mediaLag: ['eject'] },
    evidence: ['quirks.md 6'],
  },
  {
    when: { vendor: 'dell', controller: /^1[2-6]G/, firmware: { below: '6.00' } },
    // The second insert through the Manager answers VRM0021 (dell-scr#290).
    change: { companionSlot: false },
    evidence: ['quirks.md 4', 'errors/idrac/400-vrm0021-in-use.json'],
  },
  {
    when: { vendor: 'dell', controller: /^1[2-6]G/, firmware: { below: '4.40' } },
    change: { bootWay: 'import-configuration', notices: ['cd-target-is-physical'] },
    evidence: ['quirks.md 8', 'idrac8-2.41-m630-partial'],
  },
  {
    when: { vendor: 'dell', controller: /^1[23]G/ },
    // They break off chunked answers, so that the connection is in no known state (check_redfish#90).
    change: { connection: 'close' },
    evidence: ['quirks.md 10'],
  },
  {
    when: { vendor: 'dell', controller: /^1[23]G/ },
    change: { onceReadsBack: ['Once', 'Continuous'] },
    evidence: ['quirks.md 8', 'idrac8-2.41-m630-partial'],
  },
  {
    when: { vendor: 'dell', controller: /^(1[7-9]|[2-9]\d)G/ },
    // For up to a minute after off, On is a conflict (lp 2162995).
    change: { restsAfterOff: true, notices: ['boots-from-first-slot-only'] },
    evidence: ['quirks.md 3', 'quirks.md 9', 'idrac10-1.20-17g-bmclib'],
  },
]

const HPE: readonly Quirk[] = [
  {
    when: { vendor: 'hpe' },
    // A slot without actions is written, and `Inserted` is no property that it knows; POST takes the image alone as well.
    change: { insertStart: 'image-only' },
    evidence: ['quirks.md 5', 'errors/ilo/ilo4-400-patch-inserted-unknown.json'],
  },
]

const LENOVO: readonly Quirk[] = [
  {
    when: { vendor: 'lenovo' },
    // RDOC is upload only, Remote is the KVM. `Inserted` follows the image by seconds. A PATCH without or with an old tag
    // is a 412.
    change: { slotsIgnored: /^(RDOC|Remote)\d+$/i, mediaLag: ['insert'], ifMatch: 'always' },
    evidence: ['quirks.md 3', 'quirks.md 6', 'quirks.md 10', 'xcc2-sr670v2', 'errors/xcc/412-etag-mismatch.json'],
  },
  {
    when: { vendor: 'lenovo', firmware: { below: '2.50' } },
    change: { notices: ['firmware-without-virtual-media'] },
    evidence: ['quirks.md 5'],
  },
  {
    when: { vendor: 'lenovo', model: /SR675 V3/i },
    change: { resetsAvoided: ['ForceRestart'] },
    evidence: ['quirks.md 9'],
  },
  {
    when: { vendor: 'lenovo', model: /SR650 V4/i },
    change: { notices: ['reset-stops-dpus'] },
    evidence: ['quirks.md 9'],
  },
]

const SUPERMICRO: readonly Quirk[] = [
  {
    when: { vendor: 'supermicro' },
    // `Image` stays after an eject; the boot override reverts what is left out and reads back as it likes.
    change: {
      insertStart: 'image-only',
      emptyWhenNotConnected: true,
      cdTargets: ['UefiUsbCd', 'UsbCd', 'Cd', 'CD/DVD'],
      onceReadsBack: ['Once', 'Continuous'],
    },
    evidence: [
      'quirks.md 6',
      'quirks.md 8',
      'errors/supermicro/400-insertmedia-inserted-not-valid.json',
      'supermicro-x10dff-3.25-partial',
      'supermicro-x12-bmclib-partial',
    ],
  },
  {
    when: { vendor: 'supermicro', model: /^ars-111gl-nhr/i },
    change: { cdTargets: ['Cd'] },
    evidence: ['quirks.md 8'],
  },
  {
    when: { vendor: 'supermicro' },
    // Left out, the mode may change by itself; X11 refuses it, and then it is dropped.
    change: { bootMode: 'if-same' },
    evidence: ['quirks.md 8', 'errors/supermicro/400-boot-mode-not-in-list.json'],
  },
]

const AMI: readonly Quirk[] = [
  {
    when: { vendor: 'ami' },
    // Some builds answer 428 to a PATCH without precondition, others drop it silently.
    change: { insertStart: 'image-only', insertAlso: ['TransferProtocolType'], ifMatch: 'always' },
    evidence: [
      'quirks.md 5',
      'quirks.md 10',
      'errors/ami-megarac/400-transferprotocoltype-missing-base112.json',
      'errors/ami-megarac/428-precondition-header-missing.json',
    ],
  },
  {
    when: { vendor: 'ami', model: /^DGX/i },
    change: { insertAlso: ['TransferProtocolType', 'UserName', 'Password'] },
    evidence: ['quirks.md 5', 'errors/ami-megarac/400-username-password-missing-dgx.json', 'ami-dgx-h100'],
  },
  {
    when: { vendor: 'ami', model: /W680D4U/i },
    change: { notices: ['images-over-https-only', 'image-name-with-one-dot'] },
    evidence: ['quirks.md 5'],
  },
]

const OPENBMC: readonly Quirk[] = [
  {
    when: { vendor: 'openbmc', firmware: { from: '2.0', below: '20' } },
    // Upstream bmcweb mounts https and smb only; vendors' builds, numbered by year, take http as well.
    change: { notices: ['images-over-https-only'] },
    evidence: ['quirks.md 5', 'openbmc-stock'],
  },
  {
    when: { vendor: 'openbmc', model: /GB300/i },
    change: { lastResetTimeStale: true },
    evidence: ['quirks.md 9'],
  },
]

const FUJITSU: readonly Quirk[] = [
  {
    when: { vendor: 'fujitsu' },
    // Connecting takes seconds, and nothing is listed until then.
    change: { ifMatch: 'always', mediaLag: ['insert'], notices: ['images-over-https-only'] },
    evidence: ['quirks.md 5', 'quirks.md 6', 'quirks.md 10'],
  },
]

const EMULATORS: readonly Quirk[] = [
  {
    when: { vendor: 'generic', model: /^Sushy Emulator/ },
    // The boot device of the virtual machine is changed for good.
    change: { onceReadsBack: ['Once', 'Continuous'] },
    evidence: ['quirks.md 8'],
  },
]

export const QUIRKS: readonly Quirk[] = [
  ...DELL,
  ...HPE,
  ...LENOVO,
  ...SUPERMICRO,
  ...AMI,
  ...OPENBMC,
  ...FUJITSU,
  ...EMULATORS,
]
