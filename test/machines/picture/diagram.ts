/**
 * A machine as a Mermaid state diagram. Mermaid draws an arrow only between states of one parent, so an arrow that leaves
 * its parent is drawn from the outermost state that it leaves, and arrows that are the same then become one.
 */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate'
import { nodesOf } from './nodes.ts'
import { eventOf, nameOf } from './picture.ts'

/** The text of one `stateDiagram-v2`. */
export function diagramOf(machine: AnyStateMachine): string {
  const arrows = [machine.root, ...nodesOf(machine)].flatMap(arrowsOf)
  return ['stateDiagram-v2', ...inside(machine.root, arrows, '  ')].join('\n')
}

type Arrow = {
  readonly from: AnyStateNode
  readonly to: AnyStateNode
  readonly label: string
  /** The label that stands for this one and others like it, where the arrow is drawn from a parent. */
  readonly kind: string
}

const childrenOf = (node: AnyStateNode) => Object.values(node.states) as AnyStateNode[]
const isWithin = (node: AnyStateNode, ancestor: AnyStateNode) =>
  ancestor.path.every((part, depth) => node.path[depth] === part)
const idOf = (node: AnyStateNode) => node.path.join('_')

function inside(parent: AnyStateNode, arrows: readonly Arrow[], pad: string): string[] {
  const states = childrenOf(parent).map((node) => stateOf(node, arrows, pad))
  if (parent.type === 'parallel')
    return states.flatMap((lines, index) => (index === 0 ? lines : [`${pad}--`, ...lines]))
  const first = childrenOf(parent).find((child) => parent.initial.target?.includes(child))
  return [
    ...states.flat(),
    ...(first === undefined ? [] : [`${pad}[*] --> ${idOf(first)}`]),
    ...arrowsWithin(parent, arrows).map((line) => pad + line),
    ...childrenOf(parent).flatMap((child) => (child.tags.includes('ended') ? [`${pad}${idOf(child)} --> [*]`] : [])),
  ]
}

function stateOf(node: AnyStateNode, arrows: readonly Arrow[], pad: string): string[] {
  const remarks = [
    ...node.invoke.map(({ id }) => `asks for ${id}`),
    ...node.after.map(({ delay }) => `deadline ${String(delay)}`),
    ...[...node.transitions].flatMap(([event, transitions]) =>
      transitions.some(({ target }) => target === undefined) ? [`records ${eventOf(node, event)}`] : [],
    ),
  ]
  const title = [node.key, ...remarks].join('<br/>')
  const state = `${pad}state "${title}" as ${idOf(node)}`
  return childrenOf(node).length === 0 ? [state] : [`${state} {`, ...inside(node, arrows, `${pad}  `), `${pad}}`]
}

function arrowsOf(node: AnyStateNode): Arrow[] {
  const arrowOf = (event: string, { target, guard }: AnyTransitionDefinition, kind: string): Arrow[] => {
    const condition = guard === undefined ? '' : `[${nameOf(guard)}]`
    const label = [event, condition].filter(Boolean).join(' ') || 'else'
    return ((target ?? []) as AnyStateNode[]).map((to) => ({ from: node, to, label, kind: kind || label }))
  }
  return [
    ...[...node.transitions].flatMap(([event, transitions]) => {
      const label = eventOf(node, event)
      return transitions.flatMap((transition) => arrowOf(label, transition, kindOf(node, event)))
    }),
    ...(node.always ?? []).flatMap((transition) => arrowOf('', transition, 'no step is left')),
  ]
}

function kindOf(node: AnyStateNode, event: string): string {
  if (node.after.some(({ eventType }) => eventType === event)) return 'a deadline elapsed'
  return event.startsWith('xstate.error.actor.') ? 'a step failed' : ''
}

/** The arrows between children of this state, those of one pair as one. */
function arrowsWithin(parent: AnyStateNode, arrows: readonly Arrow[]): string[] {
  const childWith = (node: AnyStateNode) => childrenOf(parent).find((child) => isWithin(node, child))
  const labels = new Map<string, Set<string>>()
  for (const { from, to, label, kind } of arrows) {
    const target = childWith(to)
    // An arrow of the parent itself may be taken from each of its children.
    const sources = from === parent ? childrenOf(parent) : [childWith(from)]
    for (const source of sources) {
      if (source === undefined || target === undefined || (source === target && from !== parent)) continue
      const pair = `${idOf(source)} --> ${idOf(target)}`
      labels.set(pair, (labels.get(pair) ?? new Set()).add(from === source || from === parent ? label : kind))
    }
  }
  return [...labels].map(([pair, all]) => `${pair} : ${[...all].join('<br/>')}`)
}
