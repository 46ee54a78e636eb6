import { readObject } from './json.ts'
import { type Reference, ReferencesReading } from './references-reading.ts'

/**
 * Every stored thing that a JSON request body names, each once, wherever in it that stands. The body is read as
 * `readObject` reads: in turns, and a key twice in any object is `malformed_json`.
 * @throws Problem `malformed_json`; `invalid_body` where something is named as nothing can be, or more than 1,000 of a
 * kind are; `reference_not_supported` where what is named cannot be shown to be anybody's
 */
export async function referencesIn(bytes: Uint8Array): Promise<readonly Reference[]> {
  const reading = new ReferencesReading(bytes)
  await readObject(bytes, [], reading)
  return reading.found
}
