import type { Pair } from './pair.ts'

/** A pair, and what told it from others when it was taken. */
export interface Taken extends Pair {
  readonly stamp: string
}

/** Where certificates and keys come from. */
export interface Source {
  /** The pair that is there now. @throws TlsFault when it cannot be served with. */
  load(): Promise<Taken>
  /** Whether another one should be taken in the place of this. */
  isDue(inForce: Taken): boolean
  /** What tells what is there now from what was there before. */
  stamp(): string
}
