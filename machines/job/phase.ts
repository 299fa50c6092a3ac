/** The states and phases of a job as texts that the compiler compares with the machine. */
import type { JobSnapshot } from './machine.ts'

type PathOf<Value> = Value extends string
  ? Value
  : { [State in keyof Value & string]: `${State}.${PathOf<Value[State]>}` }[keyof Value & string]

/** The path of a state, as an event's `state_from` and `state_to` have it. */
export type JobState = PathOf<JobSnapshot['value']>

/** The outermost state of a path. */
export type JobPhase = JobState extends infer State ? (State extends `${infer Outer}.${string}` ? Outer : State) : never

export function phaseOf(state: string): JobPhase {
  const [phase] = state.split('.')
  return phase as JobPhase
}
