import type { Kind } from '../protocol/kinds.ts'

/** One row of the table. Of `default`, `unset` and `requiredOr` it has exactly one. No secret is attested. */
export type Setting = Row & (Secret | Open)

/** Read into a {@link Secret}, shown nowhere, and also taken from the file that `NAME_FILE` names. */
interface Secret {
  readonly secret: true
  readonly attested: false
}

interface Open {
  readonly secret?: never
  /**
   * Whether the statement that a TEE quotes tells it: where it changes what a caller is promised, but not where it is
   * tuned to the load or may hold a password. Of what names people only the `digest`; of a file or folder that of its `content`.
   */
  readonly attested: boolean | 'digest' | 'content'
}

interface Row {
  readonly kind: Kind<unknown>
  /** What holds when nothing is given, written as an operator would write it. */
  readonly default?: string
  /** What holds instead of `default` in dev mode. */
  readonly dev?: string
  /** What it means, in a few words, that nothing is given. */
  readonly unset?: string
  /** Outside dev mode this setting must be given, or what one of these names stands for. */
  readonly requiredOr?: readonly string[]
  /** A name that it had once: still read from the environment, but no flag. Not for secrets. */
  readonly older?: string
  /** The one subcommand that reads it: nothing else does. */
  readonly only?: 'rekey'
  /** What it does. */
  readonly what: string
  /** Who changes it, and why a constant will not do. */
  readonly why: string
}
