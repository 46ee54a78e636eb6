import { Problem } from '../../src/protocol/problem.ts'

/** The Problem that an act ends in; anything else it throws is thrown on, and an act that succeeds is a fault. */
export async function problemOf(act: () => unknown): Promise<Problem> {
  try {
    await act()
  } catch (error) {
    if (error instanceof Problem) return error
    throw error
  }
  throw new Error('no problem arose')
}

/** The code of the Problem that an act ends in, or `fine`. */
export async function outcome(act: () => unknown): Promise<string> {
  try {
    await act()
    return 'fine'
  } catch (error) {
    if (error instanceof Problem) return error.code
    throw error
  }
}
