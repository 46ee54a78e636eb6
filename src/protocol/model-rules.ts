import { createHash } from 'node:crypto'
import { type Edit, type JsonObject, memberSet } from './json.ts'
import type { Span } from './json-reading.ts'
import { invalidBody } from './members.ts'
import { Problem } from './problem.ts'
import { PROMPTED } from './routes.ts'

/** What an operator rules about a model. */
export interface ModelRule {
  readonly public: boolean
  /** What goes before all that a client says. */
  readonly prompt: Prompt | undefined
}

interface Prompt {
  readonly text: string
  /** Of its UTF-8, in hex. */
  readonly sha256: string
}

/** The rules in force, by {@link foldedModel}; of any other model there is none. */
export type ModelRules = ReadonlyMap<string, ModelRule>

/** The members that rules look at. */
export const RULED = ['model', 'instructions', 'messages'] as const

type RuledObject = JsonObject<(typeof RULED)[number]>

/** A body and how it was read. */
interface Ruled {
  readonly bytes: Uint8Array
  readonly object: RuledObject
}

/** The longest model's id in characters. */
export const MOST_ID = 255
// As JSON at its longest: each character escaped, and the quotes.
const MOST_ID_BYTES = MOST_ID * 6 + 2

const [QUOTE, BRACKET, CLOSE_BRACKET, BLANK] = [0x22, 0x5b, 0x5d, 0x20]

/** A model's id as two are compared; some that no backend takes for one are one here, and none the other way round. */
export const foldedModel = (id: string): string =>
  // What nobody sees goes: U+0085 is blank to Rust and not here. Of `İ` Go makes an `i` without its second dot.
  id.replaceAll(/\p{C}/gu, '').trim().toUpperCase().toLowerCase().replaceAll('\u0307', '')

export function promptOf(text: string): Prompt {
  return { text, sha256: createHash('sha256').update(text).digest('hex') }
}

/** @throws Problem `model_not_available` where nobody may ask the model. */
export function requireModel(rules: ModelRules, id: string): ModelRule | undefined {
  const rule = rules.get(foldedModel(id))
  if (rule?.public === false)
    throw new Problem('model_not_available', 'This model is not available here: ask another one of the list.')
  return rule
}

/** What rules make of an open body on its way up. */
export interface Shape {
  readonly edits: readonly Edit[]
  /** The SHA-256 of what was put in. */
  readonly sha256: string | undefined
}

const AS_IT_CAME: Shape = { edits: [], sha256: undefined }

/**
 * The one edit that puts a model's prompt before what the client says: in `instructions` or `messages`, as the route
 * takes it.
 * @throws Problem `model_not_available`; `invalid_body` where the model is no text, or the prompt has no place
 */
export function shapeOf(rules: ModelRules, body: Ruled, route: string): Shape {
  const id = rules.size === 0 ? undefined : modelIn(body)
  const prompt = id === undefined ? undefined : requireModel(rules, id)?.prompt
  const place = PROMPTED.get(route)
  if (!prompt || !place) return AS_IT_CAME
  const edit = place === 'instructions' ? instructed(body, prompt.text) : led(body, prompt.text)
  return { edits: [edit], sha256: prompt.sha256 }
}

function modelIn({ bytes, object }: Ruled): string | undefined {
  const span = object.members.model
  if (!span || isNull(bytes, span.from)) return undefined
  if (bytes[span.from] !== QUOTE) throw invalidBody('"model" must be a text.')
  return modelAt(bytes, span)
}

/** A model's id as a string in a body spells it. @throws Problem `invalid_body` for one that is too long */
export function modelAt(bytes: Uint8Array, { from, to }: Span): string {
  // A backend may drop the blanks around it, however many.
  if (to - from > MOST_ID_BYTES) throw invalidBody(`"model" must be a text of at most ${MOST_ID} characters.`)
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('utf8'))
}

/** Prompt, blank line, and the client's own instructions in their own bytes. */
function instructed({ bytes, object }: Ruled, prompt: string): Edit {
  const span = object.members.instructions
  if (!span || isNull(bytes, span.from) || (span.to - span.from === 2 && bytes[span.from] === QUOTE))
    return memberSet(object, 'instructions', prompt)
  if (bytes[span.from] !== QUOTE) throw invalidBody('"instructions" must be a text.')
  const at = span.from + 1
  return { from: at, to: at, text: JSON.stringify(`${prompt}\n\n`).slice(1, -1) }
}

function led({ bytes, object }: Ruled, prompt: string): Edit {
  const span = object.members.messages
  if (!span || bytes[span.from] !== BRACKET) throw invalidBody('"messages" must be a list.')
  const at = span.from + 1
  const next = bytes.subarray(at, span.to).find(byte => byte > BLANK)
  const message = JSON.stringify({ role: 'system', content: prompt })
  return { from: at, to: at, text: next === CLOSE_BRACKET ? message : `${message},` }
}

const isNull = (bytes: Uint8Array, at: number): boolean => bytes[at] === 'n'.charCodeAt(0)
