import type { Counted } from '../metrics/metrics.ts'
import type { Taken } from '../tls/source.ts'

/** What a worker is told first: its place, and what all of them share. */
export interface Place {
  /** From 0; the first of them does what is to be done once. */
  readonly number: number
  /** 0 takes any free one, which the others are told. */
  readonly port: number
  /** What TLS is served with, if it ends here. */
  readonly pair: Taken | undefined
  /** Whether somebody shows what it counts. */
  readonly isMeasured: boolean
}

/** What the supervisor says to a worker. */
export type Order =
  | { readonly kind: 'begin'; readonly place: Place }
  | { readonly kind: 'pair'; readonly pair: Taken }
  | { readonly kind: 'count'; readonly id: number }
  | { readonly kind: 'signal' }

/** What a worker says to its supervisor. */
export type Report =
  | { readonly kind: 'ready' }
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'counted'; readonly id: number; readonly metrics: readonly Counted[] }
