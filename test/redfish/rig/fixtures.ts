/** Recorded documents and error bodies of real BMCs, which stand beside the project and not in it. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** The folder of the fixtures. */
export const FIXTURES = resolve(import.meta.dirname, '../../../../shared/redfish/fixtures')

/** Null where the fixtures exist, else the reason for skipping a test that needs them. */
export const fixturesMissing: string | null = existsSync(FIXTURES)
  ? null
  : 'the recorded BMC documents (../shared/redfish/fixtures beside the project) are not on this machine'

export type RecordedError = {
  readonly name: string
  readonly status: number | null
  readonly body?: unknown
  readonly bodyText?: string
}

export function recordedErrors(): readonly RecordedError[] {
  if (fixturesMissing !== null) return []
  const root = join(FIXTURES, 'errors')
  return readdirSync(root).flatMap((vendor) =>
    readdirSync(join(root, vendor)).map((file) => ({
      ...JSON.parse(readFileSync(join(root, vendor, file), 'utf8')),
      name: `${vendor}/${file}`,
    })),
  )
}

/** Names of all recorded BMCs. */
export function recordedTrees(): readonly string[] {
  if (fixturesMissing !== null) return []
  return readdirSync(FIXTURES).filter((name) => existsSync(join(FIXTURES, name, 'redfish')))
}

/** The documents of one recorded BMC by path, without a trailing slash. */
export function recordedTree(name: string): ReadonlyMap<string, unknown> {
  const documents = new Map<string, unknown>()
  const walk = (folder: string, path: string): void => {
    for (const entry of readdirSync(folder)) {
      const file = join(folder, entry)
      if (statSync(file).isDirectory()) walk(file, `${path}/${entry}`)
      else if (entry === 'index.json') documents.set(path, JSON.parse(readFileSync(file, 'utf8')))
    }
  }
  walk(join(FIXTURES, name, 'redfish'), '/redfish')
  return documents
}
