import { namesOf, rows } from '../settings.ts'

/** What a process was started with. */
export type Environment = Record<string, string | undefined>

/** Takes an environment's settings out of it, secrets and all, so that nothing else finds them there; gives all that it held. */
export function takenFrom(env: Environment): Readonly<Environment> {
  const whole = { ...env }
  for (const name of rows.flatMap(([key, setting]) => namesOf(key, setting))) delete env[name]
  return whole
}
