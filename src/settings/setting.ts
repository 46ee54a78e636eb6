import type { Kind } from '../protocol/kinds.ts'

/** One row of the table. Of `default`, `unset` and `requiredOr` it has exactly one. */
export interface Setting {
  readonly kind: Kind<unknown>
  /** What holds when nothing is given, written as an operator would write it. */
  readonly default?: string
  /** What holds instead of `default` in dev mode. */
  readonly dev?: string
  /** What it means, in a few words, that nothing is given. */
  readonly unset?: string
  /** Outside dev mode either this setting or the one named here must be given. */
  readonly requiredOr?: string
  /** Read into a {@link Secret}, shown nowhere, and also taken from the file that `NAME_FILE` names. */
  readonly secret?: true
  /** The one subcommand that reads it: nothing else does. */
  readonly only?: 'rekey'
  /** What it does. */
  readonly what: string
  /** Who changes it, and why a constant will not do. */
  readonly why: string
}
