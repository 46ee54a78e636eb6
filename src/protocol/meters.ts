import type { BackendName, End, Exchange } from './exchange.ts'
import type { Usage } from './usage.ts'

/** What bounds a caller, an address or this process. */
export type Limit = 'address' | 'in_flight' | 'open' | 'requests' | 'tokens'

/** Told of what is counted; no call throws, and none keeps what it is given. */
export interface Meters {
  /** A request was taken up. */
  began(): void
  /** The body of its answer is still to come. */
  streams(): void
  /** A request is over. */
  ended(exchange: Exchange, end: End): void
  /** A request was booked with so many tokens. */
  used(exchange: Exchange, usage: Usage): void
  /** A limit let a request through, or did not. */
  limited(limit: Limit, isAllowed: boolean): void
  /** A host of that backend asked to be left alone. */
  cooled(backend: BackendName): void
  /** The database was asked, and answered or not. */
  asked(seconds: number, isAnswered: boolean): void
  /** Whoever tells which models there are. */
  modelsFrom(list: () => Promise<readonly string[]>): void
}

const nothing = () => undefined

/** Where nothing is counted. */
export const NO_METERS: Meters = {
  began: nothing,
  streams: nothing,
  ended: nothing,
  used: nothing,
  limited: nothing,
  cooled: nothing,
  asked: nothing,
  modelsFrom: nothing,
}
