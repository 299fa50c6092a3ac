/**
 * The task targets that this program knows, one row each. recipe.schema.json says which fields of a recipe a target
 * needs, and recipe/warnings.ts which of its contents are doubtful. An operator's own maintenance image may bring
 * further targets; they are treated as `otherTarget`.
 */

export type Target = {
  /** `report`: the maintenance OS reports the end. `observed`: the controller has to observe it (spec/job.md). */
  readonly end: 'report' | 'observed'
  /** The budget for the wait until the end: firmware is done sooner than an installation. */
  readonly budget: 'installation' | 'firmware'
  /**
   * Steps within the maintenance OS, in their order: `<phase>.service` is the unit (spec/maintenance-os.md, "Units").
   */
  readonly phases: readonly string[]
}

export const targets = {
  'install-linux.target': {
    end: 'report',
    budget: 'installation',
    phases: ['partition', 'image-linux', 'bootloader-linux', 'config-drive'],
  },
  'install-windows.target': {
    end: 'report',
    budget: 'installation',
    phases: ['partition', 'image-windows', 'bootloader-windows'],
  },
  'supermicro-update.target': { end: 'report', budget: 'firmware', phases: ['firmware'] },
  'install-esxi.target': { end: 'observed', budget: 'installation', phases: [] },
} as const satisfies Readonly<Record<string, Target>>

export type TargetName = keyof typeof targets

const otherTarget: Target = { end: 'report', budget: 'installation', phases: [] }

export function isTargetName(name: string): name is TargetName {
  return Object.hasOwn(targets, name)
}

/** The row of the target with this name, known or not. */
export function targetOf(name: string): Target {
  return isTargetName(name) ? targets[name] : otherTarget
}
