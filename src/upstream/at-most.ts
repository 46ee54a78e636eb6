import { Problem } from '../protocol/problem.ts'

/** Does something when its turn has come. @throws Problem `overloaded` when it does not come in time, or as the act does. */
export type InTurn = <T>(act: () => Promise<T>) => Promise<T>

/** Has so many acts under way at once; what comes beyond them waits, in the order of its coming, so many milliseconds. */
export function atMost(most: number, waitMs: number): InTurn {
  const waiting = new Set<() => void>()
  let free = most

  async function turn(): Promise<void> {
    if (free > 0) {
      free--
      return
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timer = setTimeout(() => {
      waiting.delete(resolve)
      const message = 'Too much of this is being asked for at once: try again in a moment.'
      reject(new Problem('overloaded', message, { headers: { 'retry-after': '1' } }))
    }, waitMs)
    waiting.add(resolve)
    await promise
    clearTimeout(timer)
  }

  function over(): void {
    const [next] = waiting
    if (!next) {
      free++
      return
    }
    waiting.delete(next)
    next()
  }

  return async act => {
    await turn()
    try {
      return await act()
    } finally {
      over()
    }
  }
}
