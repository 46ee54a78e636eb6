import { bad, Refusal } from './refusal.ts'

// Bytes of a body that are kept for who looks at what came.
const KEPT = 64 * 1024

/** A JSON object of which nothing is known yet. */
export type Json = Record<string, unknown>

/** One request as it came; what is said of its body and its end is filled in as they come. */
export interface Heard {
  /** What the answer's `x-request-id` says. */
  readonly id: string
  readonly method: string
  /** As it came: neither decoded nor with its dots resolved. */
  readonly path: string
  /** Without its question mark. */
  readonly query: string
  readonly headers: Headers
  /** Such as `GET conversations/{id}`; `undefined` for what is no route. */
  readonly route: string | undefined
  /** The first 64 KiB of the body. */
  body: Buffer
  bytes: number
  /** Of the whole body, in hex; `undefined` until it is there, and for one that nobody read to its end. */
  sha256: string | undefined
  /** `undefined` while there is no answer, and for a cut connection. */
  status: number | undefined
  /** `cut` if the answer did not reach the client whole. */
  ended: 'open' | 'whole' | 'cut'
}

/** One request on its way through a route. */
export interface Call {
  readonly heard: Heard
  /** What stands in the place of a template's braces, percent-decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  /** The body, which is read once. */
  readonly body: AsyncGenerator<Uint8Array>
  /** Aborted when the client leaves before its answer is whole. */
  readonly left: AbortSignal
}

/** What a route does. */
export type Serve = (call: Call) => Response | Promise<Response>

/** Routes by method and template, such as `GET conversations/{id}`, below `/v1/`. */
export type Routes = Readonly<Record<string, Serve>>

/** A body as it comes, noted on its way. */
export async function* overheard(body: AsyncIterable<Uint8Array> | null, heard: Heard): AsyncGenerator<Uint8Array> {
  const hash = new Bun.CryptoHasher('sha256')
  for await (const piece of body ?? []) {
    hash.update(piece)
    heard.bytes += piece.length
    if (heard.body.length < KEPT) heard.body = Buffer.concat([heard.body, piece]).subarray(0, KEPT)
    yield piece
  }
  heard.sha256 = hash.digest('hex')
}

/** A body's JSON object; an empty one for no body. */
export async function jsonOf({ body }: Call): Promise<Json> {
  const text = Buffer.concat(await Array.fromAsync(body)).toString()
  if (text === '') return {}
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return value
  } catch {
    // Refused below, as what is JSON and no object.
  }
  throw new Refusal(400, 'Invalid request body: expected a JSON object.')
}

/** A JSON object is one; an array and `null` are not. */
export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An object member that may be left out. */
export function objectIn(body: Json, name: string): Json | undefined {
  const value = body[name] ?? undefined
  if (value !== undefined && !isObject(value)) throw bad(name, `Invalid type for '${name}': expected an object.`)
  return value
}
