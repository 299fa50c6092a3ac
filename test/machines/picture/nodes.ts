/** The states of a machine as it was written, for tests that look at all of them. */
import type { AnyStateMachine, AnyStateNode } from 'xstate'

/** Every state below the root, depth first, in the order of writing. */
export function nodesOf(machine: AnyStateMachine): readonly AnyStateNode[] {
  const below = (node: AnyStateNode): AnyStateNode[] =>
    Object.values(node.states).flatMap((child) => [child as AnyStateNode, ...below(child as AnyStateNode)])
  return below(machine.root)
}
