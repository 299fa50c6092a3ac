/** The machines as pictures, so that a change of a machine can be read as a diff. */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { jobMachine } from '../../../machines/job/machine.ts'
import { serverMachine } from '../../../machines/server/machine.ts'
import { expectGolden, recording } from '../golden.ts'
import { diagramOf } from './diagram.ts'
import { pictureOf } from './picture.ts'

test('the states of a job are the recorded ones', () => {
  expectGolden('job-states.txt', pictureOf(jobMachine))
})

test('the states of a server are the recorded ones', () => {
  expectGolden('server-states.txt', pictureOf(serverMachine))
})

test('the diagrams in machines/README.md are those of the machines', () => {
  const file = new URL('../../../machines/README.md', import.meta.url)
  const machines = new Map([
    ['job', diagramOf(jobMachine)],
    ['server', diagramOf(serverMachine)],
  ])
  const readme = readFileSync(file, 'utf8')
  const wanted = readme.replace(
    /(<!-- diagram: (\w+) -->\n)[\s\S]*?(<!-- \/diagram -->)/g,
    (_, open: string, name: string, close: string) => `${open}\`\`\`mermaid\n${machines.get(name)}\n\`\`\`\n${close}`,
  )
  for (const diagram of machines.values()) expect(wanted).toContain(diagram)
  if (recording) writeFileSync(file, wanted)
  else expect(readme, 'UPDATE_GOLDEN=1 writes it anew').toBe(wanted)
})
