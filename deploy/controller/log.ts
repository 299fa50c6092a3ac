// The log of a controller: JSON lines, one object each. spec/observability.md.
import { type DestinationStream, type LevelWithSilent, type Logger, pino, stdTimeFunctions } from 'pino'

/**
 * Field names that are redacted. The code already keeps secrets out of log lines; this is the second line of defence.
 */
const secretNames = [
  'password',
  'bmc_password',
  'secret',
  'token',
  'authorization',
  'cookie',
  '["x-webhook-secret"]',
  '["x-auth-token"]',
  'params',
  'parameters',
]

const causesMax = 5

/** The depths of our log lines: the line's own fields, fields of an object, and of an object in it, such as headers. */
const places = ['', '*', '*.*']

/**
 * A logger that writes lines of the level and above, to standard output unless told otherwise. Each line names the
 * controller.
 */
export function createLog(options: {
  level: LevelWithSilent
  controller: string
  destination?: DestinationStream
}): Logger {
  const { level, controller, destination } = options
  const settings = {
    level,
    base: { controller },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: (error: unknown) => describeError(error), error: (error: unknown) => describeError(error) },
    redact: {
      paths: places.flatMap((place) => secretNames.map((name) => pathOf({ place, name }))),
      censor: '[secret]',
    },
  }
  return destination === undefined ? pino(settings) : pino(settings, destination)
}

function pathOf({ place, name }: { place: string; name: string }): string {
  return place === '' || name.startsWith('[') ? `${place}${name}` : `${place}.${name}`
}

type Described = { type: string; message: string; code?: unknown; stack?: string; cause?: unknown }

/** Copies only the fields named here: other properties of an error may hold secrets, e.g. a request with its headers. */
function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return error
  // drizzle puts the parameters of a failed query into its message; they may be secret.
  const message = error.message.replace(/\nparams: .*$/s, '')
  const described: Described = { type: error.name, message }
  if ('code' in error) described.code = error.code
  if (error.stack !== undefined) described.stack = error.stack.replace(error.message, () => message)
  if (error.cause !== undefined && depth < causesMax) described.cause = describeError(error.cause, depth + 1)
  return described
}
