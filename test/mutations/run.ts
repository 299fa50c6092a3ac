/**
 * `npm run test:mutations`: breaks one guarantee after the other in a copy of this tree and shows which tests notice. Fails
 * when one of those that have to does not. An argument runs the mutations whose names contain it.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, relative, resolve } from 'node:path'
import { applyTo } from './apply.ts'
import { type Mutation, mutations } from './mutations.ts'

type Report = {
  readonly testResults: readonly {
    readonly name: string
    readonly assertionResults: readonly {
      readonly status: string
      readonly fullName: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

const root = resolve(import.meta.dirname, '../..')
const notCopied: readonly string[] = ['node_modules', '.git', '.cache', '.data']
const whyCharsMax = 200
const runTimeoutMs = 20 * 60_000
const [wanted = ''] = process.argv.slice(2)
const say = (text: string) => void process.stdout.write(`${text}\n`)

async function copyTree(): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'provisioner-mutation-'))
  await cp(root, copy, { recursive: true, filter: (source) => !notCopied.includes(basename(source)) })
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
  // Programs that tests have unpacked are the same for all; their reports are not.
  await mkdir(join(root, '.cache', 'debian'), { recursive: true })
  await mkdir(join(copy, '.cache'))
  await symlink(join(root, '.cache', 'debian'), join(copy, '.cache', 'debian'))
  return copy
}

async function runTests(copy: string, { caughtBy, only }: Mutation): Promise<Report> {
  const program = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const filter = only === undefined ? [] : ['-t', only]
  const child = spawn(process.execPath, [program, 'run', ...caughtBy, ...filter], {
    cwd: copy,
    stdio: 'ignore',
    signal: AbortSignal.timeout(runTimeoutMs),
  })
  await once(child, 'exit')
  // Written by a reporter that vitest.config.ts names.
  return JSON.parse(await readFile(join(copy, '.cache', 'test-report.json'), 'utf8'))
}

/** Says which tests noticed, and answers the files that should have and did not. */
async function tryOut(mutation: Mutation): Promise<readonly string[]> {
  say(`\n${mutation.name}`)
  const copy = await copyTree()
  try {
    await applyTo(copy, mutation.edits)
    const { testResults } = await runTests(copy, mutation)
    return mutation.caughtBy.filter((file) => {
      const failed = testResults
        .filter(({ name }) => relative(copy, name) === file)
        .flatMap(({ assertionResults }) => assertionResults.filter(({ status }) => status === 'failed'))
      for (const { fullName, failureMessages } of failed) {
        const [why = ''] = failureMessages.join('\n').split('\n')
        say(`  caught by ${file}\n    ${fullName.trim()}\n    ${why.slice(0, whyCharsMax)}`)
      }
      if (failed.length === 0) say(`  SURVIVED ${file}`)
      return failed.length === 0
    })
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}

let survived = 0
for (const mutation of mutations) if (mutation.name.includes(wanted)) survived += (await tryOut(mutation)).length
say(survived === 0 ? '\nevery mutation was caught by every test that has to' : `\n${survived} time(s) not caught`)
process.exitCode = survived === 0 ? 0 : 1
