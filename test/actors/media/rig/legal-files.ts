// Files that a task ISO must be able to hold.
import fc from 'fast-check'
import type { TaskFile } from '../../../../actors/media/task-iso.ts'

const name = fc
  .oneof(
    fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,60}$/),
    // Short ones from few letters fall together in the plain tree.
    fc.stringMatching(/^[ab_][ab._-]{0,4}$/),
  )
  .filter((text) => !text.endsWith('.'))

export function legalFiles({ filesMax }: { readonly filesMax: number }): fc.Arbitrary<readonly TaskFile[]> {
  const file = fc.record({ path: name.map((text) => `/${text}`), bytes: fc.uint8Array({ maxLength: 5000 }) })
  return fc.uniqueArray(file, {
    maxLength: filesMax,
    selector: ({ path }) => path.toUpperCase(),
    size: 'max',
  })
}
