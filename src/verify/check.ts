/** What came of one check; `not checked` is for what could not be told, never for what looks wrong. */
export type Outcome = 'pass' | 'fail' | 'not checked'

/** One line of a verdict. */
export interface Check {
  readonly name: string
  readonly outcome: Outcome
  /** What was seen, or why it could not be looked at. */
  readonly why: string
}

/** Ends a check: what was looked at is wrong. */
export class Wrong extends Error {}

/** Ends a check: what it takes to look is not there. */
export class Untold extends Error {}

/** Runs a check, which gives what it saw, or throws {@link Wrong} or {@link Untold}; whatever else it throws is wrong too. */
export function check(name: string, look: () => string): Check {
  try {
    return { name, outcome: 'pass', why: look() }
  } catch (error) {
    return { name, outcome: error instanceof Untold ? 'not checked' : 'fail', why: reasonOf(error) }
  }
}

/** @throws Wrong with these words, unless it holds. */
export function sure(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Wrong(otherwise)
}

function reasonOf(error: unknown): string {
  if (error instanceof Wrong || error instanceof Untold) return error.message
  return `cannot be read: ${error instanceof Error ? error.message : 'for a reason unknown'}`
}
