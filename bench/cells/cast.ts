import type { Stage, Subject } from '../parts.ts'
import { stolen } from '../proc.ts'

/** All that one cell of the bench needs. */
export interface Cast {
  readonly on: Stage
  /** For the load's own files. */
  readonly directory: string
  /** How many rounds each subject has, in turn with the others. */
  readonly rounds: number
  /** What a user runs beside, if they named one: it must forward to the very upstream. */
  readonly peer: Subject | undefined
}

/** What a round gave, and what the hypervisor took meanwhile, in percent: other machines' load is in the figures then. */
export type Told<R> = R & { readonly stolen: number }

/** Rounds that take turns, so that a machine whose speed drifts drifts for all; each subject's, in order. */
export async function inTurn<S, R extends object>(
  subjects: readonly S[],
  rounds: number,
  round: (subject: S) => Promise<R>,
): Promise<Told<R>[][]> {
  const found = subjects.map((): Told<R>[] => [])
  for (let count = 0; count < rounds; count++)
    for (const [at, subject] of subjects.entries()) {
      const taken = stolen()
      const told = await round(subject)
      found[at]?.push({ ...told, stolen: taken() })
    }
  return found
}
