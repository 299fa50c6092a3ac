/** A machine as text: the tree of its states with what each asks for, waits for and does at an event. */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate'

/** One line per state, effect and transition; `←` marks the state that is entered first. */
export function pictureOf(machine: AnyStateMachine): string {
  return `${linesOf(machine.root, '', false).join('\n')}\n`
}

function linesOf(node: AnyStateNode, pad: string, initial: boolean): readonly string[] {
  const inner = `${pad}  `
  const marks = [node.type === 'parallel' ? '(parallel)' : '', ...node.tags.map((tag) => `#${tag}`), initial ? '←' : '']
  const entry = node.entry.map(nameOf).filter((name) => name !== 'raise')
  return [
    pad + [node.key, ...marks].filter(Boolean).join(' '),
    ...(entry.length === 0 ? [] : [`${inner}entry: ${entry.join(', ')}`]),
    ...node.invoke.map(({ id, src }) => `${inner}asks for ${id} (${String(src)})`),
    ...[...node.transitions].flatMap(([event, transitions]) =>
      transitions.map((transition) => inner + eventOf(node, event) + effectOf(transition)),
    ),
    ...(node.always ?? []).map((transition) => `${inner}always${effectOf(transition)}`),
    ...(Object.values(node.states) as AnyStateNode[]).flatMap((child) =>
      linesOf(child, inner, node.type !== 'parallel' && node.initial.target?.includes(child) === true),
    ),
  ]
}

/** An event that the state handles, in our words: an effect's outcome, a deadline, or the event itself. */
export function eventOf(node: AnyStateNode, event: string): string {
  const deadline = node.after.find(({ eventType }) => eventType === event)
  if (deadline !== undefined) return `${String(deadline.delay)}.elapsed`
  const [, outcome, id] = /^xstate\.(done|error)\.actor\.(.*)$/.exec(event) ?? []
  return outcome === undefined ? event : `${id}.${outcome === 'done' ? 'succeeded' : 'failed'}`
}

function effectOf({ guard, target, actions }: AnyTransitionDefinition): string {
  const condition = guard === undefined ? '' : ` [${nameOf(guard)}]`
  const to = target === undefined ? '' : ` → ${target.map(({ path }: AnyStateNode) => path.join('.')).join(', ')}`
  const does = actions.length === 0 ? '' : ` / ${actions.map(nameOf).join(', ')}`
  return condition + to + does
}

/** What is written in place has no name of its own: `assign` of XState, or a condition. */
export function nameOf(one: unknown): string {
  if (typeof one === 'string') return one
  if ((typeof one !== 'object' && typeof one !== 'function') || one === null || !('type' in one)) return 'condition'
  const { type, params } = one as { type: string; params?: unknown }
  const values = typeof params === 'object' && params !== null ? `(${Object.values(params).join(', ')})` : ''
  return type.replace(/^xstate\./, '') + values
}
