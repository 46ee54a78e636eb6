import { fileOf, rows } from '../settings.ts'

/** What a process was started with. */
export type Environment = Record<string, string | undefined>

/** Takes an environment's settings out of it, secrets and all, so that nothing else finds them there; gives all that it held. */
export function takenFrom(env: Environment): Readonly<Environment> {
  const whole = { ...env }
  for (const [key, { secret, older }] of rows)
    for (const name of [key, ...(secret ? [fileOf(key)] : []), ...(older ? [older] : [])]) delete env[name]
  return whole
}
