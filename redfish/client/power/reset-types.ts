/** The resets that a BMC offers, and the order in which a restart tries them. */
import type { ResetType } from '../../vocabulary.ts'
import type { Call } from '../call.ts'
import { type Doc, docAt, isDoc, linkOf, listAt, textAt, textsAt } from '../documents/resource.ts'
import type { Profile } from '../quirks/profile.ts'
import type { Answer } from '../service/answer.ts'
import type { Service } from '../service/service.ts'

const KNOWN: readonly ResetType[] = [
  'On',
  'ForceOn',
  'GracefulRestart',
  'ForceRestart',
  'PowerCycle',
  'GracefulShutdown',
  'ForceOff',
]

/** The assumption where a BMC lists no reset types (quirks.md 2). */
const ASSUMED: readonly ResetType[] = ['On', 'ForceOff', 'ForceRestart']

/**
 * The listed types that the client sends, matched whole: X12 lists the broken entry `GracefulShutdownGracefulRestart`,
 * which offers neither (fixtures/supermicro-x12-bmclib-partial).
 */
export function knownResetTypes(values: readonly string[]): readonly ResetType[] {
  return KNOWN.filter((type) => values.includes(type))
}

/** The requests of a restart in order, for a host that is on (spec/redfish.md "Reset", quirks.md 9). */
export function restartSteps(
  offered: readonly ResetType[],
): readonly ('GracefulRestart' | 'ForceRestart' | 'PowerCycle' | 'off-and-on')[] {
  const direct = (['GracefulRestart', 'ForceRestart', 'PowerCycle'] as const).filter((type) => offered.includes(type))
  const offAndOn = offered.includes('ForceOff') && powerOnType(offered) !== null ? (['off-and-on'] as const) : []
  return [...direct, ...offAndOn]
}

export function powerOnType(offered: readonly ResetType[]): ResetType | null {
  return (['On', 'ForceOn'] as const).find((type) => offered.includes(type)) ?? null
}

export function resetAction(system: Doc): Doc {
  return docAt(docAt(system, 'Actions'), '#ComputerSystem.Reset')
}

export type OfferedResets = {
  readonly types: readonly ResetType[]
  readonly from: 'action' | 'action-info' | 'assumed' | 'none'
}

/**
 * The offered resets, from the action's allowable values, else from its ActionInfo (one more read), else assumed, without
 * those that do not work on this model. `asLearned` takes the lesson of an earlier read of the ActionInfo.
 */
export async function readResetTypes(
  service: Service,
  call: Call,
  system: Answer,
  profile: Pick<Profile, 'resetsAvoided'>,
  how: { readonly asLearned: boolean },
): Promise<OfferedResets> {
  const known = (values: readonly string[]) =>
    knownResetTypes(values).filter((type) => !profile.resetsAvoided.includes(type))
  const action = resetAction(system.doc)
  const listed = textsAt(action, 'ResetType@Redfish.AllowableValues')
  if (listed.length > 0) return { types: known(listed), from: 'action' }
  if (Object.keys(action).length === 0) return { types: [], from: 'none' }
  const learned = how.asLearned ? service.memory.known().resetsListed : undefined
  if (learned !== undefined) return { types: known(learned), from: 'action-info' }
  const info = action['@Redfish.ActionInfo']
  const answer =
    linkOf(info) === null ? null : await service.readOptional(call, service.follow(call, info, system.path))
  const parameter = listAt(answer?.doc ?? {}, 'Parameters').find(
    (item) => isDoc(item) && textAt(item, 'Name') === 'ResetType',
  )
  const values = isDoc(parameter) ? textsAt(parameter, 'AllowableValues') : []
  if (values.length > 0) service.memory.learn({ resetsListed: knownResetTypes(values) })
  return values.length > 0 ? { types: known(values), from: 'action-info' } : { types: known(ASSUMED), from: 'assumed' }
}
