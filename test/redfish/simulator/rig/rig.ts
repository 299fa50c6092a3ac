// One simulated BMC with its host, and the site that serves its media and hears its reports.
import { expect } from 'vitest'
import type { HostOptions, HostStatus } from '../../../../redfish/simulator/host/host.ts'
import { type SimulatedBmc, type Simulator, startSimulator } from '../../../../redfish/simulator/server.ts'
import { patience } from '../../../rig/patience.ts'
import { call, insert, systemPath } from './caller.ts'
import { makeIso } from './make-iso.ts'
import { type Site, startSite } from './site.ts'
import { type TaskContent, taskIso } from './task.ts'

export const serial = 'SN-1'
const bootFileBytes = 5 * 1_048_576
let maintenance: Promise<Buffer> | null = null

/** Large enough that it is not read whole. */
export async function maintenanceIso(): Promise<Buffer> {
  maintenance ??= makeIso({ files: { 'boot/initrd': Buffer.alloc(bootFileBytes, 7) }, volumeId: 'MAINTENANCE' })
  return await maintenance
}

export class Rig {
  readonly site: Site
  readonly bmc: SimulatedBmc
  readonly #simulator: Simulator

  private constructor(site: Site, simulator: Simulator) {
    this.site = site
    this.#simulator = simulator
    this.bmc = simulator.bmc(serial)
  }

  /** The host is off. A hundred times as fast as real ones. */
  static async start(host: HostOptions = {}, log: (line: object) => void = () => {}): Promise<Rig> {
    const site = await startSite()
    site.images.set('/maintenance.iso', await maintenanceIso())
    const config = { serial, username: 'u', password: 'bmc-password-1', powerState: 'Off', host } as const
    return new Rig(site, await startSimulator({ bmcs: [config], speed: 100, log }))
  }

  async close(): Promise<void> {
    await this.#simulator.close()
    await this.site.close()
  }

  async reached(status: HostStatus): Promise<void> {
    await this.bmc.host.reached(status, patience())
  }

  async slotShows(slot: string, inserted: boolean): Promise<void> {
    await expect.poll(() => this.bmc.state.slots[slot]?.inserted).toBe(inserted)
  }

  async mount(slot: string, path: string): Promise<void> {
    expect((await insert(this.bmc, slot, `${this.site.url}${path}`)).status).toBe(204)
    await this.slotShows(slot, true)
  }

  async override(enabled: 'Disabled' | 'Once' | 'Continuous'): Promise<void> {
    const target = enabled === 'Disabled' ? 'None' : 'Cd'
    const boot = { BootSourceOverrideEnabled: enabled, BootSourceOverrideTarget: target }
    expect((await call(this.bmc, systemPath, { method: 'PATCH', body: { Boot: boot } })).status).toBe(204)
  }

  /** Both media in, boot once from CD: what a controller does before it switches on. */
  async prepare(content: Partial<TaskContent> = {}): Promise<void> {
    this.site.images.set('/task.iso', await taskIso({ webhookUrl: `${this.site.url}/webhook`, ...content }))
    await this.mount('CD1', '/maintenance.iso')
    await this.mount('CD2', '/task.iso')
    await this.override('Once')
  }
}
