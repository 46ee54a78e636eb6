import { type JsonObject, readObject } from './json.ts'
import type { Listener } from './json-reading.ts'
import { type Reference, ReferencesReading } from './references-reading.ts'

/**
 * Every stored thing that a JSON request body names, each once, wherever in it that stands. The body is read as
 * `readObject` reads: in turns, and a key twice in any object is `malformed_json`.
 * @throws Problem `malformed_json`; `invalid_body` where something is named as nothing can be, or more than 1,000 of a
 * kind are; `reference_not_supported` where what is named cannot be shown to be anybody's
 */
export async function referencesIn(bytes: Uint8Array): Promise<readonly Reference[]> {
  return (await readNaming(bytes, [])).references
}

/** The same, and the body as `readObject` reads it; who else listens hears it too. */
export async function readNaming<Name extends string>(
  bytes: Uint8Array,
  names: readonly Name[],
  listener?: Listener,
): Promise<{ references: readonly Reference[]; object: JsonObject<Name> }> {
  const reading = new ReferencesReading(bytes)
  const object = await readObject(bytes, names, listener ? both(reading, listener) : reading)
  return { references: reading.found, object }
}

const both = (one: Listener, other: Listener): Listener => ({
  key: (name, at) => {
    one.key(name, at)
    other.key(name, at)
  },
  text: span => {
    one.text(span)
    other.text(span)
  },
  scalar: (...told) => {
    one.scalar(...told)
    other.scalar(...told)
  },
  opens: isObject => {
    one.opens(isObject)
    other.opens(isObject)
  },
  closes: () => {
    one.closes()
    other.closes()
  },
})
