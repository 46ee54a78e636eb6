import type { Store } from './store.ts'

/** A store that tells how long each statement and transaction took, in seconds, and whether it was done. */
export function timed(store: Store, tell: (seconds: number, isDone: boolean) => void): Store {
  function time<T>(ask: () => Promise<T>): Promise<T> {
    const begun = performance.now()
    const asked = ask()
    const over = (isDone: boolean) => tell((performance.now() - begun) / 1000, isDone)
    asked.then(
      () => over(true),
      () => over(false),
    )
    return asked
  }
  return {
    ...store,
    ask: statement => time(() => store.ask(statement)),
    share: write => time(() => store.share(write)),
    atomically: writes => time(() => store.atomically(writes)),
  }
}
