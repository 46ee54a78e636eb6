import { isModelName } from './flat-names.ts'
import type { Listener, Span } from './json-reading.ts'
import { invalidBody } from './members.ts'
import { type ModelRules, modelAt, requireModel } from './model-rules.ts'
import { meaningOf } from './reference-names.ts'

// To look one up takes 3 µs; of no body is that to be the greater part.
const MOST_NAMED = 1000

/** Hears a body being read, and refuses it where it names a model that is shut: its own, a tool's, or one of a list. */
class ShutModels implements Listener {
  readonly #rules: ModelRules
  readonly #bytes: Uint8Array
  /** Whether a string that comes now is a model, or one of several. */
  #names: 'nothing' | 'one' | 'many' = 'nothing'
  /** Whether what comes is the caller's own, and how many containers are open in such. */
  #isOpaque = false
  #opaque = 0
  #count = 0

  constructor(rules: ModelRules, bytes: Uint8Array) {
    this.#rules = rules
    this.#bytes = bytes
  }

  key(name: string): void {
    if (this.#opaque > 0) return
    this.#isOpaque = meaningOf(name) === 'opaque'
    this.#names = isModelName(name) ? 'one' : 'nothing'
  }

  opens(isObject: boolean): void {
    if (this.#opaque > 0 || this.#isOpaque) this.#opaque++
    this.#isOpaque = false
    this.#names = this.#names === 'one' && !isObject ? 'many' : 'nothing'
  }

  closes(): void {
    if (this.#opaque > 0) this.#opaque--
    this.#names = 'nothing'
  }

  text(span: Span): void {
    this.#isOpaque = false
    if (this.#names === 'nothing') return
    if (this.#names === 'one') this.#names = 'nothing'
    if (++this.#count > MOST_NAMED) throw invalidBody(`it names more than ${MOST_NAMED} models.`)
    requireModel(this.#rules, modelAt(this.#bytes, span))
  }

  scalar(): void {
    this.#isOpaque = false
    if (this.#names === 'one') this.#names = 'nothing'
  }
}

/**
 * What hears a body and throws where it names a model that is shut, wherever in it that stands; nobody, where none is.
 * @throws Problem `model_not_available`, as the body is read, or `invalid_body` for more than 1,000 names of models
 */
export function shutModels(rules: ModelRules, bytes: Uint8Array): Listener | undefined {
  return hasShut(rules) ? new ShutModels(rules, bytes) : undefined
}

/** Whether there is a model that nobody may ask. */
export const hasShut = (rules: ModelRules): boolean => rules.values().some(rule => !rule.public)
