/** State values as text, for people, metrics and the log's `state_from`/`state_to`. */
import type { StateValue } from 'xstate'

/** `{provisioning: {redfish: 'mountingTask'}}` → `provisioning.redfish.mountingTask`; parallel regions are joined by `|`. */
export function pathOf(value: StateValue): string {
  if (typeof value === 'string') return value
  return Object.entries(value)
    .map(([state, inner]) => (inner === undefined ? state : `${state}.${pathOf(inner)}`))
    .join('|')
}
