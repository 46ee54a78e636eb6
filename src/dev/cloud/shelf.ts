import { missing, Refusal } from './refusal.ts'

// What the UUID parser of cloud-api takes: 32 hex digits or with hyphens, in either case, as a URN or in braces.
const SPELLING = /^(?:[\da-f]{32}|(urn:uuid:|\{)?[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\}?)$/i

/** Things of one kind by their ids, in the order in which they were put there. */
export class Shelf<T extends { readonly id: string }> {
  readonly #things = new Map<string, T>()
  readonly #prefix: string
  readonly #noun: string

  constructor(prefix: string, noun: string) {
    this.#prefix = prefix
    this.#noun = noun
  }

  /** The prefix and a UUID, without its hyphens if the prefix ends in none. */
  freshId(): string {
    const uuid = crypto.randomUUID()
    return this.#prefix + (this.#prefix.endsWith('-') ? uuid : uuid.replaceAll('-', ''))
  }

  put(thing: T): T {
    this.#things.set(this.#bare(thing.id) ?? thing.id, thing)
    return thing
  }

  /** Whatever has this id, in any spelling. */
  find(id: string): T | undefined {
    return this.#things.get(this.#bare(id) ?? '')
  }

  /** @throws Refusal 400 for what is no id in any spelling, 404 for an unknown one */
  take(id: string): T {
    if (this.#bare(id) === undefined) throw new Refusal(400, `Invalid ${this.#noun.toLowerCase()} ID: ${id}`)
    const thing = this.find(id)
    if (!thing) throw missing(`${this.#noun} not found`)
    return thing
  }

  /** @throws Refusal as `take` does */
  remove(id: string): T {
    const thing = this.take(id)
    this.#things.delete(this.#bare(id) ?? '')
    return thing
  }

  all(): T[] {
    return [...this.#things.values()]
  }

  // cloud-api is as lax: with or without the prefix, in any spelling of the UUID, it is the same thing. Whoever stands
  // before it and compares ids as text has to let one spelling through only; a strict stand-in would hide a fault there.
  #bare(id: string): string | undefined {
    const spelled = id.startsWith(this.#prefix) ? id.slice(this.#prefix.length) : id
    return SPELLING.test(spelled) ? spelled.replaceAll(/urn:uuid:|[{}-]/gi, '').toLowerCase() : undefined
  }
}
