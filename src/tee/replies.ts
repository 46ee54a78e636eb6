import { Problem } from '../protocol/problem.ts'

type Reply = Readonly<Record<string, unknown>>

/** A JSON object. @throws Problem `agent_failed` */
export function objectIn(method: string, text: string): Reply {
  try {
    const told: unknown = JSON.parse(text)
    if (typeof told === 'object' && told !== null && !Array.isArray(told)) return told as Reply
  } catch {
    // What JSON.parse would say quotes what it read, which may be a key.
  }
  throw malformed(`${method}: not a JSON object`)
}

/** A text. @throws Problem `agent_failed` */
export function textIn(told: Reply, name: string): string {
  const value = optionalTextIn(told, name)
  if (value === undefined) throw malformed(`no ${name}`)
  return value
}

/** A text, or nothing: absent, or empty as the agent writes what it does not have. @throws Problem `agent_failed` */
export function optionalTextIn(told: Reply, name: string): string | undefined {
  const { [name]: value = '' } = told
  if (typeof value !== 'string') throw malformed(`${name} is no text`)
  return value === '' ? undefined : value
}

/** Texts, one at least. @throws Problem `agent_failed` */
export function textsIn(told: Reply, name: string): readonly string[] {
  const { [name]: value } = told
  if (Array.isArray(value) && value.length > 0 && value.every(text => typeof text === 'string')) return value
  throw malformed(`${name} is no list of texts`)
}

/** Bytes, written as hex without `0x`. @throws Problem `agent_failed` */
export function hexIn(told: Reply, name: string): Uint8Array {
  const text = textIn(told, name)
  if (!/^(?:[\da-f]{2})+$/i.test(text)) throw malformed(`${name} is no hex`)
  return new Uint8Array(Buffer.from(text, 'hex'))
}

/** Never with what was read: it may be a key. */
export function malformed(what: string): Problem {
  return new Problem('agent_failed', `The guest agent of this TEE answered in a way that is not understood (${what}).`)
}
