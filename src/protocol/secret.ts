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

/** The bytes of a secret that is given in hex, if it is given. */
export function bytesOf(hex: Secret | undefined): Uint8Array | undefined {
  return hex && Buffer.from(hex.reveal(), 'hex')
}
