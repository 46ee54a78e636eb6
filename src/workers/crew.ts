import { type Fields, faultOf, type Log } from '../protocol/log.ts'
import type { Worker } from './child.ts'

/** Workers on one port, each of which is replaced when it dies. */
export interface Crew {
  /** Those that are there now. */
  readonly workers: readonly Worker[]
  /** How many died so far. */
  readonly deaths: number
  /** Resolves with the port once the first listens; with nothing, where it ended before. */
  readonly port: Promise<number | undefined>
  /** Resolves with the code to exit by, when all have ended. */
  readonly ended: Promise<number>
  /** Has all of them drain at the first call, and stop at the second. */
  signal(): void
}

interface Deps {
  readonly count: number
  readonly port: number
  /** Starts one. */
  readonly hire: (number: number, port: number) => Worker
  /** Told of each that is no more. */
  readonly ended: (worker: Worker) => void
  /** Milliseconds on a clock that nobody sets. */
  readonly now: () => number
  /** How long they may drain, in milliseconds: whoever is still there then is killed. */
  readonly patienceMs: number
  readonly pause: (ms: number) => Promise<unknown>
  readonly log: Log
}

const MOST_DEATHS = 3
const WITHIN_MS = 10_000
const PAUSE_MS = 100

/**
 * Starts one worker and, when it listens, the others, so that whatever is made at a first start is made once. One that dies
 * is replaced, after a pause that grows; when three die within ten seconds all are ended, and the code is 1.
 */
export function crew({ count, port: wanted, hire, ended, now, patienceMs, pause, log }: Deps): Crew {
  const workers = new Map<number, Worker>()
  const deaths = deathsBy(now)
  const listens = Promise.withResolvers<number | undefined>()
  let code = 0
  let signals = 0

  function signal(): void {
    if (++signals === 1) void pause(patienceMs).then(kill)
    for (const worker of workers.values()) worker.tell({ kind: 'signal' })
  }

  function kill(): void {
    for (const worker of workers.values()) worker.kill()
  }

  function start(number: number, port: number): Worker {
    const worker = hire(number, port)
    workers.set(number, worker)
    return worker
  }

  /** Resolves when one of that number has ended, or could not be started: what the log tells of it. */
  async function life(number: number, port: number, first?: Worker): Promise<Fields> {
    try {
      const worker = first ?? start(number, port)
      const exit = await worker.exited
      workers.delete(number)
      ended(worker)
      return { exit }
    } catch (error) {
      return { fault: faultOf(error) }
    }
  }

  /** Sees to it that there is one of that number, until all are to end. */
  async function keep(number: number, port: number, first?: Worker): Promise<void> {
    for (let told = await life(number, port, first); signals === 0; told = await life(number, port)) {
      const recent = deaths.next()
      log('error', 'worker_died', { worker: number, ...told })
      if (recent >= MOST_DEATHS) {
        code = 1
        log('error', 'workers_failed', { deaths: recent })
        return signal()
      }
      await pause(PAUSE_MS * 10 ** (recent - 1))
      if (signals > 0) return
    }
  }

  async function run(): Promise<number> {
    const first = start(0, wanted)
    const port = await Promise.race([first.listening, first.exited.then(() => undefined)])
    listens.resolve(port)
    if (port === undefined) return signals > 0 ? 0 : first.exited
    const others = Array.from({ length: signals > 0 ? 0 : count - 1 }, (_, at) => keep(at + 1, port))
    await Promise.all([keep(0, port, first), ...others])
    return code
  }

  return {
    get workers() {
      return [...workers.values()]
    },
    get deaths() {
      return deaths.count
    },
    port: listens.promise,
    ended: run(),
    signal,
  }
}

function deathsBy(now: () => number) {
  let latest: number[] = []
  return {
    count: 0,
    /** Another; how many there were of late, with it. */
    next(): number {
      const at = now()
      latest = [...latest.filter(before => at - before < WITHIN_MS), at]
      this.count++
      return latest.length
    },
  }
}
