/** Discovery: what there is on this BMC, and what an operator should know before a job needs it. Only reads. */
import type { Bmc, BmcDescription, MediaLayout, MediaSlot, TlsPolicy } from '../bmc.ts'
import { settingsOf } from './boot.ts'
import { bootModes, bootTargets, cdTarget } from './boot-override.ts'
import type { Call } from './call.ts'
import { readCollection, samePathKey } from './collection.ts'
import { type FindingFacts, findings } from './findings.ts'
import { isSerial, type Located } from './locate.ts'
import { requirePower } from './power-state.ts'
import { readResetTypes } from './reset-types.ts'
import { docAt, lastSegment, linkOf, textAt } from './resource.ts'
import type { Answer, Service } from './service.ts'
import { bestCollection, chooseLayout, describeSlot, usableSlots } from './slots.ts'

type Collection = {
  readonly slots: readonly MediaSlot[]
  readonly layout: MediaLayout | null
  readonly disabled: boolean
}

export function createDiscovery(
  service: Service,
  options: {
    readonly locateAnew: (call: Call) => Promise<Located>
    readonly tls: TlsPolicy
    readonly secure: boolean
    readonly serial?: string
  },
): Pick<Bmc, 'discover'> {
  return {
    async discover({ signal }): Promise<BmcDescription> {
      const call = service.begin('discover', { signal })
      const located = await options.locateAnew(call)
      const { root, system, managers, profile } = located
      const collections = await readSlotCollections(service, call, located)
      const best = bestCollection(collections)
      const { boot } = await settingsOf(service, call, system)
      const targets = bootTargets(boot)
      const resetTypes = await readResetTypes(service, call, system)
      const power = requirePower(service, call, system, profile)
      const authentication = service.authentication()
      const manager = managers[0]
      const tls = options.secure ? tlsOf(options.tls) : 'none'
      const facts: FindingFacts = {
        slots: best?.slots ?? [],
        layout: best?.layout ?? null,
        remoteMediaDisabled: collections.some(({ disabled }) => disabled),
        cdTarget: cdTarget(targets, profile),
        resetTypes,
        power,
        authentication,
        tls,
        serialDiffers: options.serial !== undefined && !isSerial(system.doc, options.serial),
      }
      return {
        vendor: located.vendor,
        model: textAt(system.doc, 'Model'),
        serial: textAt(system.doc, 'SerialNumber'),
        redfishVersion: textAt(root, 'RedfishVersion'),
        system: {
          id: textAt(system.doc, 'Id') ?? lastSegment(system.path),
          name: textAt(system.doc, 'Name'),
          biosVersion: textAt(system.doc, 'BiosVersion'),
        },
        manager: {
          id: manager === undefined ? '' : (textAt(manager.doc, 'Id') ?? lastSegment(manager.path)),
          model: textAt(manager?.doc ?? {}, 'Model'),
          firmware: textAt(manager?.doc ?? {}, 'FirmwareVersion'),
        },
        slots: facts.slots,
        layout: facts.layout,
        boot: { targets, cdTarget: facts.cdTarget, modes: bootModes(boot) },
        resetTypes,
        power,
        session: authentication === 'session' ? 'session' : 'basic',
        tls,
        findings: findings(facts),
      }
    },
  }
}

/** The VirtualMedia collections of the Managers and of the System, each once (X13's System links to its Manager's). */
async function readSlotCollections(service: Service, call: Call, located: Located): Promise<readonly Collection[]> {
  const { profile } = located
  const roots = new Map<string, { path: string; owner: Answer }>()
  for (const owner of [...located.managers, located.system]) {
    const link = owner.doc['VirtualMedia']
    if (linkOf(link) === null) continue
    const path = service.follow(call, link, owner.path)
    if (!roots.has(samePathKey(path))) roots.set(samePathKey(path), { path, owner })
  }
  const collections: Collection[] = []
  for (const { path, owner } of roots.values()) {
    const members = await readCollection(service, call, path)
    const slots = usableSlots(members, profile).map((member) => describeSlot(member, profile))
    // AMI empties the collection while remote media is switched off (fixtures/ami-dgx-h100).
    const remote = docAt(docAt(docAt(owner.doc, 'Oem'), 'Ami'), 'VirtualMedia')
    const disabled = slots.length === 0 && textAt(remote, 'RMediaStatus') === 'Disabled'
    collections.push({ slots, layout: chooseLayout(slots, profile), disabled })
  }
  return collections
}

function tlsOf(policy: TlsPolicy): BmcDescription['tls'] {
  switch (policy.mode) {
    case 'system':
    case 'ca':
      return 'verified'
    case 'pinned':
      return 'pinned'
    case 'insecure':
      return 'insecure'
  }
}
