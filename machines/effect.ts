/** How a machine names a side effect: typed like an actor, but never run by XState. */
import { fromPromise, type PromiseActorLogic } from 'xstate'

/** Declares an effect's input and output. `actors/` performs it; a machine that ran it by itself would be a bug. */
export function effect<Output, Input>(): PromiseActorLogic<Output, Input> {
  return fromPromise<Output, Input>(() =>
    Promise.reject(new Error('machines only ask for effects, actors/ performs them')),
  )
}
