import { inspect } from 'node:util'

/**
 * A value that prints as `[secret]` wherever it is interpolated, serialised or inspected.
 * Only {@link Secret.reveal} gives it up, so every place that does is found by its name.
 */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  [inspect.custom](): string {
    return '[secret]'
  }
}

/** Where the root of every key at rest comes from: `dstack` is a guest agent, `file` the one beside the database. */
export type KeySource = 'dstack' | 'DATA_KEY' | 'file' | 'memory'

/** Where the identity key comes from: that root; `given` by hand, or `kept` by a rekey, it may be known elsewhere. */
export type IdentitySource = 'root' | 'given' | 'kept'

/** The bytes of a secret that is given in hex, if it is given. */
export function bytesOf(hex: Secret | undefined): Uint8Array | undefined {
  return hex && Buffer.from(hex.reveal(), 'hex')
}
