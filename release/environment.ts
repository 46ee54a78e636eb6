import { namesOf, rows } from '../src/settings.ts'

/**
 * The names that may be set at a start: each setting, and what else it goes by. A setting is stated in reports, or is a
 * secret, or is tuned to the load. ALLOW_ENV is none of these: it permits names that steer the runtime.
 */
export const environment: readonly string[] = rows
  .flatMap(([key, setting]) => namesOf(key, setting))
  .filter(name => name !== 'ALLOW_ENV')
  .sort()
