/**
 * Turns Ajv's errors into faults that a person can act on, one for each mistake. Ajv also reports the keywords that
 * merely contain the failure (`if`, `propertyNames`), reports some failures twice, and points at the parent of a
 * missing field.
 */
import type { DefinedError, ErrorObject } from 'ajv'
import { pointerSegments, safePointer } from './pointer.ts'
import type { Fault, FaultCode } from './types.ts'

/**
 * The faults behind the errors of one failed validation. Needs Ajv's `allErrors` and `verbose`. An unknown keyword
 * gives an `invalid`, so that no failure is lost.
 */
export function schemaFaults(errors: readonly ErrorObject[]): Fault[] {
  const faults = errors.flatMap((error) => {
    // Ajv types the parameters of its own keywords in this union alone; the last case holds for all others.
    const fault = toFault(error as DefinedError)
    return fault === undefined ? [] : [fault]
  })
  const tooLong = new Set(faults.filter(({ code }) => code === 'too_long').map(({ path }) => path))
  // The form of a text that is far too long says nothing: its patterns refuse it for the length alone.
  return faults.filter(({ path, code }) => code !== 'pattern' || !tooLong.has(path))
}

function toFault(error: DefinedError): Fault | undefined {
  switch (error.keyword) {
    // Ajv reports the failure inside as an error of its own.
    case 'if':
    case 'propertyNames':
      return undefined
    case 'required':
    case 'dependencies':
      return at(error, { below: error.params.missingProperty, code: 'required', message: missing(error) })
    case 'additionalProperties':
      return at(error, {
        below: error.params.additionalProperty,
        code: 'additional_property',
        message: 'is not a field that is known here',
      })
    case 'type':
      return at(error, {
        code: 'type',
        message: `must be ${named(error.params.type)}, not ${named(jsonType(error.data))}`,
      })
    case 'pattern':
      return patternFault(error)
    case 'enum':
      return at(error, { code: 'enum', message: `must be one of ${error.params.allowedValues.join(', ')}` })
    case 'not':
      return error.propertyName === undefined
        ? at(error, { code: 'invalid', message: 'is not allowed' })
        : at(error, { code: 'reserved_name', message: 'is a name that the dispatcher itself sets' })
    case 'maxLength':
      return at(error, { code: 'too_long', message: `is longer than ${error.params.limit} characters` })
    case 'minLength':
      return at(error, { code: 'too_short', message: `must have at least ${plural(error.params.limit, 'character')}` })
    case 'maxItems':
      return at(error, { code: 'too_many', message: `has more than ${error.params.limit} items` })
    case 'minItems':
      return at(error, { code: 'too_few', message: `must have at least ${plural(error.params.limit, 'item')}` })
    case 'maxProperties':
      return at(error, { code: 'too_many', message: `has more than ${error.params.limit} members` })
    case 'minimum':
      return at(error, { code: 'too_small', message: `must be ${error.params.limit} or more` })
    case 'maximum':
      return at(error, { code: 'too_big', message: `must be ${error.params.limit} or less` })
    default:
      return at(error, { code: 'invalid', message: `breaks the rule '${error.keyword}' of the schema` })
  }
}

type Finding = { readonly code: FaultCode; readonly message: string; readonly below?: string }

/** An error about a name points at the object; the fault points at the member of that name. */
function at(error: DefinedError, { code, message, below = error.propertyName }: Finding): Fault {
  const segments = pointerSegments(error.instancePath)
  return { path: safePointer(below === undefined ? segments : [...segments, below]), code, message }
}

/** The schema's own description of a field is the best account of its form, and holds nothing of the recipe. */
function patternFault(error: DefinedError): Fault {
  const wanted = `must be ${describe(error) ?? 'of the form that the schema asks for'}`
  if (error.propertyName !== undefined) return at(error, { code: 'invalid_name', message: wanted })
  if (error.instancePath === '/schema_version') return at(error, { code: 'unsupported_version', message: wanted })
  return at(error, { code: 'pattern', message: wanted })
}

/** Names the target that needs the field, if the schema does so in its `then`. */
function missing(error: DefinedError): string {
  const reason = error.schemaPath.endsWith('/then/required') ? describe(error) : undefined
  return reason === undefined ? 'is required' : `is required: ${reason}`
}

function describe({ parentSchema }: DefinedError): string | undefined {
  const description: unknown = parentSchema?.['description']
  return typeof description === 'string' ? description : undefined
}

function jsonType(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

function named(type: string): string {
  if (type === 'null') return type
  return /^[aeio]/.test(type) ? `an ${type}` : `a ${type}`
}

function plural(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`
}
