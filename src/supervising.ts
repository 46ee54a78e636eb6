import { logger } from './gate/log.ts'
import { makeSureOf } from './listening.ts'
import { measuring, type Workforce } from './measuring.ts'
import type { Counted, Metrics } from './metrics/metrics.ts'
import { teeOf } from './opening.ts'
import type { World } from './serve.ts'
import type { Config } from './settings.ts'
import { SOCKETS } from './tee/sockets.ts'
import { certificates } from './tls/certificates.ts'
import type { Pair } from './tls/pair.ts'
import { CERTIFICATES_MS, renewing } from './tls/renewing.ts'
import { type Program, startWorker, type Worker } from './workers/child.ts'
import { type Crew, crew } from './workers/crew.ts'
import { type Sums, sums } from './workers/sums.ts'

// A worker cuts its streams at DRAIN_SECONDS; one that is still there so much later hangs.
const GRACE_MS = 15_000

/**
 * Runs as many workers as WORKERS says, each a gateway of its own on the one port, until a signal has ended them. Resolves
 * with the code to exit by. @throws TeeFault, TlsFault or ListenFault when it cannot start.
 */
export async function supervise(
  config: Config,
  program: Program,
  { write, onSignal, sockets = SOCKETS }: Pick<World, 'write' | 'onSignal' | 'sockets'>,
): Promise<number> {
  const log = logger({ format: config.LOG_FORMAT, level: config.LOG_LEVEL, now: Date.now, write })
  // A worker tells of what it finds.
  const tee = await teeOf(config, { sockets, log: () => undefined })
  const source = certificates(config, tee, Date.now)
  const first = await source?.load()
  let pair = first
  makeSureOf({ host: config.HOST, port: config.PORT })

  let all: Crew | undefined
  const sum = sums()
  const workers: Workforce = {
    get count() {
      return all?.workers.length ?? 0
    },
    get deaths() {
      return all?.deaths ?? 0
    },
    text: own => together(sum, own, all?.workers ?? []),
  }
  const measured = await measuring(config, { tee: tee?.mode, keysAgeMs: undefined, log, workers })
  const hired = crew({
    count: config.WORKERS,
    port: config.PORT,
    hire: (number, port) => startWorker(program, () => ({ number, port, pair, isMeasured: measured.isOn })),
    ended: sum.bury,
    now: () => performance.now(),
    patienceMs: config.DRAIN_SECONDS * 1000 + GRACE_MS,
    pause: Bun.sleep,
    log,
  })
  all = hired
  void hired.port.then(port => {
    if (port === undefined) return
    log('info', 'supervising', { workers: config.WORKERS, port })
    measured.announce()
  })

  const replace = async (next: Pair & { stamp: string }) => {
    pair = next
    for (const worker of hired.workers) worker.tell({ kind: 'pair', pair: next })
  }
  const renewal =
    source && first && setInterval(renewing({ source, first, replace, now: Date.now, log }), CERTIFICATES_MS)
  onSignal(hired.signal)
  const code = await hired.ended
  clearInterval(renewal)
  await measured.stop()
  return code
}

/** What all of them counted, those that are gone included. */
async function together(sum: Sums, own: Metrics, workers: readonly Worker[]): Promise<string> {
  const counted = workers.map(async worker => [worker, await worker.counted()] as const)
  return sum.text(new Map<object, readonly Counted[]>([[own, await own.json()], ...(await Promise.all(counted))]))
}
