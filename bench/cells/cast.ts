import type { Stage, Subject } from '../parts.ts'

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

/** Rounds that take turns, so that a machine whose speed drifts drifts for all; each subject's, in order. */
export async function inTurn<S, R>(
  subjects: readonly S[],
  rounds: number,
  round: (subject: S) => Promise<R>,
): Promise<R[][]> {
  const found = subjects.map((): R[] => [])
  for (let count = 0; count < rounds; count++)
    for (const [at, subject] of subjects.entries()) found[at]?.push(await round(subject))
  return found
}
