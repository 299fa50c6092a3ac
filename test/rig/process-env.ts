// What programs of ours that a test starts get of its environment: nothing that could be a setting, and a place for
// compiled code, without which each of the many would strip the types of all that it loads.
import { resolve } from 'node:path'

export const processEnv = {
  PATH: process.env['PATH'],
  NODE_COMPILE_CACHE: resolve(import.meta.dirname, '../../.cache/compiled'),
} as const
