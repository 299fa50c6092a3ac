/** The boot source override of ComputerSystem.Boot. */

export const overrideEnabledValues = ['Disabled', 'Once', 'Continuous'] as const
export type OverrideEnabled = (typeof overrideEnabledValues)[number]

export type BootOverride = { readonly enabled: OverrideEnabled; readonly target: string; readonly mode: string }

export class Boot {
  #override: BootOverride

  constructor(mode: string) {
    this.#override = { enabled: 'Disabled', target: 'None', mode }
  }

  get override(): BootOverride {
    return this.#override
  }

  /** Takes the given properties. `Disabled` alone also resets the target; target `None` alone also disables. */
  change(change: Partial<BootOverride>): void {
    const implied: Partial<BootOverride> =
      change.enabled === 'Disabled' ? { target: 'None' } : change.target === 'None' ? { enabled: 'Disabled' } : {}
    this.#override = { ...this.#override, ...implied, ...change }
  }

  /** The target of this boot, or null. The call uses up `Once` (ComputerSystem schema: "for one boot only"). */
  takeTarget(): string | null {
    const { enabled, target } = this.#override
    if (enabled === 'Once') this.change({ enabled: 'Disabled' })
    return enabled === 'Disabled' || target === 'None' ? null : target
  }
}
