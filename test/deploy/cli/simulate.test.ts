import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterEach, expect, test } from 'vitest'

const cli = resolve(import.meta.dirname, '../../../deploy/cli.ts')
const run = promisify(execFile)
let child: ChildProcess | null = null

afterEach(async () => {
  if (child === null || child.exitCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
  child = null
})

test('as many BMCs of the wanted kind run as were asked for, until the command is ended', async () => {
  const args = [cli, '--json', 'simulate', '--profile', 'idrac9', '--count', '3', '--port', '0']
  child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const bmcs = await firstJson(child)
  expect(bmcs.map(({ serial }) => serial)).toEqual(['SIM-0001', 'SIM-0002', 'SIM-0003'])
  for (const { url } of bmcs) {
    const root: unknown = await (await fetch(`${url}/redfish/v1/`)).json()
    expect(root).toMatchObject({ Vendor: 'Dell', RedfishVersion: '1.17.0' })
  }
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  expect(await exited).toEqual([0, null])
})

test('the profiles are listed, and a name that is none of them is answered with all of them', async () => {
  const { stdout } = await run(process.execPath, [cli, 'simulate', '--profile', 'list'])
  expect(stdout).toMatch(/^idrac10 +Dell iDRAC10/m)
  await expect(run(process.execPath, [cli, 'simulate', '--profile', 'vax'])).rejects.toMatchObject({
    stderr: expect.stringContaining('write one of generic, idrac9-old'),
  })
})

test('a recording is served with the account that is printed, and what is none is refused with the reason', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'provisioner-recording-'))
  try {
    const file = join(folder, 'bmc.json.gz')
    const recorded = {
      format: 'provisioner-bmc-recording',
      version: 1,
      header: {
        product_version: '1.0.0',
        recorded_at: '2026-03-01T12:00:00.000Z',
        vendor: 'dell',
        model: 'R640',
        firmware: '6.10.80.20',
        serial: 'RECORDED-SERIAL-1',
        username: 'recorded-user-1',
        missing: [],
        job: null,
      },
      tree: [{ path: '/redfish/v1/', status: 200, headers: {}, body: { RedfishVersion: '1.17.0' } }],
      exchanges: [],
    }
    await writeFile(file, gzipSync(JSON.stringify(recorded)))
    child = spawn(process.execPath, [cli, '--json', 'simulate', '--from', file, '--port', '0'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [bmc] = await firstJson(child)
    expect(bmc).toMatchObject({ serial: 'RECORDED-SERIAL-1', username: 'recorded-user-1' })
    expect(await (await fetch(`${bmc?.url}/redfish/v1/`)).json()).toEqual({ RedfishVersion: '1.17.0' })

    await writeFile(file, '{}')
    await expect(run(process.execPath, [cli, 'simulate', '--from', file])).rejects.toMatchObject({
      stderr: expect.stringContaining('this is no recording that can be served'),
    })
  } finally {
    await rm(folder, { recursive: true })
  }
})

async function firstJson(process: ChildProcess): Promise<{ serial: string; url: string }[]> {
  let text = ''
  for await (const part of process.stdout ?? []) {
    text += String(part)
    if (text.trimEnd().endsWith(']')) return JSON.parse(text)
  }
  throw new Error(`no JSON came: ${text}`)
}
