import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { unpackDebianPackages } from '../../../deploy/local/debian-packages.ts'
import { runCommand } from '../../../deploy/local/run-command.ts'
import { type ToolName, tool } from '../../rig/debian-tools.ts'
import { patience, patienceMs } from '../../rig/patience.ts'

let cacheDir: string

beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'provisioner-debian-'))
})

afterEach(async () => {
  await rm(cacheDir, { recursive: true, force: true })
})

test('a package is unpacked once, whoever asks at the same time, and its program runs', async () => {
  const progress: string[] = []
  const request = {
    packages: ['hello'],
    cacheDir,
    signal: patience(),
    onProgress: progress.push.bind(progress),
  }
  const [first, second] = await Promise.all([unpackDebianPackages(request), unpackDebianPackages(request)])

  expect(second.root).toBe(first.root)
  expect(progress.filter((message) => message.startsWith('unpacking'))).toEqual(['unpacking 1 packages'])
  expect(await readdir(cacheDir)).not.toContain('partial')
  const run = {
    command: first.command('hello'),
    args: [],
    env: first.env,
    signal: request.signal,
    timeoutMs: patienceMs,
  }
  expect(await runCommand(run)).toContain('world')

  progress.length = 0
  expect((await unpackDebianPackages(request)).root).toBe(first.root)
  expect(progress).toEqual([])
})

test('a package that no source offers is an error that names it', async () => {
  const request = { packages: ['no-such-package-anywhere'], cacheDir, signal: patience() }
  await expect(unpackDebianPackages(request)).rejects.toThrow(/could not provide no-such-package-anywhere/)
})

test.each(['--purge', 'a b', 'Upper', ''])('%j is not taken for a package name', async (name) => {
  const request = { packages: [name], cacheDir, signal: patience() }
  await expect(unpackDebianPackages(request)).rejects.toThrow('not a Debian package name')
})

test('a machine without apt is told what to install by other means', async () => {
  const path = process.env['PATH']
  process.env['PATH'] = '/nonexistent'
  try {
    const request = { packages: ['hello'], cacheDir, signal: patience() }
    await expect(unpackDebianPackages(request)).rejects.toThrow('no apt-get: install hello')
  } finally {
    process.env['PATH'] = path
  }
})

test.each<[ToolName, string[], RegExp]>([
  ['xorriso', ['-version'], /xorriso version/],
  ['isoinfo', ['-version'], /isoinfo/],
  ['7z', ['i'], /Iso/],
  ['mdir', ['--version'], /mtools/],
  ['mcopy', ['--version'], /mtools/],
  ['sgdisk', ['--version'], /GPT fdisk/],
  ['python3', ['-c', 'import sushy, sys; print(sys.executable, sushy.__file__)'], /python3.* .*dist-packages\/sushy/],
])('the tool %s runs', async (name, args, output) => {
  const { command, env } = await tool(name)
  expect(await runCommand({ command, args, env, signal: patience(), timeoutMs: patienceMs })).toMatch(output)
})
