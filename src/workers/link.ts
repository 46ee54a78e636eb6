import type { Counted } from '../metrics/metrics.ts'
import type { Taken } from '../tls/source.ts'
import type { Order, Place, Report } from './messages.ts'

/** A worker's own end of the line to its supervisor. */
export interface Link extends Place {
  /** Tells that it listens. */
  listening(port: number): void
  /** Calls back with each pair that is to be served with from now on. */
  onPair(listener: (pair: Taken) => void): void
  /** Is asked for what was counted. */
  onCount(listener: () => Promise<readonly Counted[]>): void
  /** Calls back at each signal that the supervisor heard, and when there is none any more. */
  onSignal(listener: () => void): void
}

/** The ends of that line that a process has which was started with one. */
export interface Line {
  send?(report: Report): unknown
  on(event: 'message', listener: (order: Order) => void): unknown
  on(event: 'disconnect', listener: () => void): unknown
}

/**
 * Takes up the line, and resolves when the place is told; with nothing, where nobody is on it. Until signals are listened
 * for, what asks for the end ends it at once, as a signal does one that is alone.
 */
export async function linked(line: Line, end: () => void): Promise<Link | undefined> {
  if (!line.send) return undefined
  const send = (report: Report) => void line.send?.(report)
  const begun = Promise.withResolvers<Place>()
  let signal = end
  let early: Taken | undefined
  let take = (pair: Taken) => {
    early = pair
  }
  let count: () => Promise<readonly Counted[]> = async () => []

  line.on('message', order => {
    if (order.kind === 'begin') begun.resolve(order.place)
    else if (order.kind === 'pair') take(order.pair)
    else if (order.kind === 'signal') signal()
    else void count().then(metrics => send({ kind: 'counted', id: order.id, metrics }))
  })
  // Without a supervisor nobody would ever end it.
  line.on('disconnect', () => signal())
  send({ kind: 'ready' })
  return {
    ...(await begun.promise),
    listening: port => send({ kind: 'listening', port }),
    onPair: listener => {
      take = listener
      if (early) listener(early)
    },
    onCount: listener => {
      count = listener
    },
    onSignal: listener => {
      signal = listener
    },
  }
}
