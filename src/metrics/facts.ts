import type { BackendName } from '../protocol/exchange.ts'

/** What is told of a gateway beside what it counts. */
export interface Facts {
  readonly version: string
  readonly commit: string
  readonly tee: 'dstack' | 'simulated' | 'none'
  readonly engine: 'sqlite' | 'postgresql'
  readonly backends: readonly BackendName[]
  /** Milliseconds since the issuer's key set was fetched, infinite before it ever was; absent where no JWT is taken. */
  readonly keysAgeMs: (() => number) | undefined
  /** Of a PostgreSQL cluster: how often its primary moved, and milliseconds since it was last known which one it is. */
  readonly followed?: { readonly moves: number; ageMs(): number } | undefined
  /** Of a supervisor: how many workers it has, and how many died so far. */
  readonly workers?: { readonly count: number; readonly deaths: number } | undefined
  /** Milliseconds since the epoch. */
  readonly now: () => number
}
