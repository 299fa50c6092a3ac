/** Whatever else speaks of task targets says the same as the table. */
import { expect, test } from 'vitest'
import { targetOf, targets } from '../../../machines/job/targets.ts'
import { recipeSchema } from '../../../machines/recipe/schema.ts'
import { targets as simulated } from '../../../redfish/simulator/host/workflow.ts'

const names = Object.keys(targets).toSorted()

test('the recipe schema says of every target what it needs', () => {
  const needs = recipeSchema.allOf.map((rule) => rule.if.properties.task_target.const)
  expect(needs.toSorted()).toEqual(names)
  expect(recipeSchema.properties.task_target.examples.toSorted()).toEqual(names)
})

test('the simulated maintenance OS runs the units of every target whose end it reports', () => {
  const reported = Object.entries(targets).filter(([, { end }]) => end === 'report')
  const units = reported.map(([name, { phases }]) => [name, phases.map((phase) => `${phase}.service`)])
  expect(simulated).toEqual(Object.fromEntries(units))
})

test('a target of an own maintenance image is an installation that reports', () => {
  expect(targetOf('rescue-shell.target')).toEqual({ end: 'report', budget: 'installation', phases: [] })
})
