/** The product's source files and who imports whom, for the tests that hold the house to its rules. */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

export const root = resolve(import.meta.dirname, '../..')

/** The six folders of the product; test/ is held to the rules of folders and names only. */
export const sources = globSync('{machines,redfish,eventstore,actors,api,deploy}/**/*.ts', { cwd: root }).toSorted()

export const textOf = (file: string): string => readFileSync(join(root, file), 'utf8')

/** The folder below the root that a file is in. */
export const roomOf = (file: string): string => file.split('/')[0] ?? ''

/** A file's imports of our own files, by `import`, `export from` and `import()`, types included; paths from the root. */
export function importsOf(file: string): readonly string[] {
  const text = textOf(file)
  const statements = text.matchAll(/^(?:import|export)\s[^'"]*?from '(\.[^']+)'/gm)
  const calls = text.matchAll(/\bimport\('(\.[^']+)'\)/g)
  return [...statements, ...calls].map((match) => relative(root, resolve(root, dirname(file), match[1] ?? '')))
}

/** The packages that a file imports, by the names in its `import` statements. */
export function packagesOf(file: string): readonly string[] {
  return [...textOf(file).matchAll(/^(?:import|export)\s[^'"]*?from '([^.'][^']*)'/gm)].map((match) => match[1] ?? '')
}
