import { ALLOCATOR } from '../allocator.ts'
import type { Counted } from '../metrics/metrics.ts'
import type { Order, Place, Report } from './messages.ts'

/** A worker, as its supervisor sees it. */
export interface Worker {
  /** Resolves with its port once it listens; never, where it ends before. */
  readonly listening: Promise<number>
  /** Resolves with its exit code, 128 and the signal's number where one ended it. */
  readonly exited: Promise<number>
  tell(order: Order): void
  /** What it counted; nothing where it does not answer in time. */
  counted(): Promise<readonly Counted[]>
  kill(): void
}

/** What is started. */
export interface Program {
  /** The executable, and what stands before its flags. */
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
}

// Whoever scrapes waits no longer.
const COUNT_MS = 2000

/** Starts a worker of this same program, which is told its place, as it then is, as soon as it can hear. */
export function startWorker({ command, env }: Program, placeOf: () => Place): Worker {
  const listening = Promise.withResolvers<number>()
  const asked = new Map<number, (metrics: readonly Counted[]) => void>()
  let last = 0
  let canHear = false

  const child = Bun.spawn([...command], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...ALLOCATOR, ...env },
    serialization: 'advanced',
    ipc: (message: Report) => {
      if (message.kind === 'ready') {
        canHear = true
        tell({ kind: 'begin', place: placeOf() })
      } else if (message.kind === 'listening') listening.resolve(message.port)
      else asked.get(message.id)?.(message.metrics)
    },
  })

  function tell(order: Order): void {
    // Of one that has just ended, its exit tells.
    if (child.exitCode !== null || child.signalCode !== null) return
    if (canHear) child.send(order)
    // What it cannot hear yet is lost; and nothing is open that would have to be closed.
    else if (order.kind === 'signal') child.kill()
  }

  // Once for all that ask: a promise that lives as long as the worker holds whatever is hung on it, a scrape's metrics too.
  void child.exited.then(() => {
    for (const answer of asked.values()) answer([])
  })

  return {
    listening: listening.promise,
    exited: child.exited,
    tell,
    counted: async () => {
      if (!canHear) return []
      const id = ++last
      const { promise, resolve } = Promise.withResolvers<readonly Counted[]>()
      asked.set(id, resolve)
      const late = setTimeout(resolve, COUNT_MS, [])
      tell({ kind: 'count', id })
      const answer = await promise
      clearTimeout(late)
      asked.delete(id)
      return answer
    },
    kill: () => child.kill('SIGKILL'),
  }
}
