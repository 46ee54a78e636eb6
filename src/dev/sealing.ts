import { createCipheriv } from 'node:crypto'
import { DecapError, OpenError, type RecipientContext } from 'hpke'
import {
  deriveResponseKeys,
  ENCAPSULATED_KEY_HEADER,
  encodeFrame,
  FrameReader,
  frameNonce,
  isEncapsulatedKey,
  KEY_CONFIG_PROBLEM,
  KEY_LENGTH,
  MalformedEhbp,
  RESPONSE_LABEL,
  RESPONSE_NONCE_HEADER,
  type ResponseKeys,
} from '../protocol/ehbp.ts'
import type { Recipient } from './recipient.ts'

type Serve = (request: Request) => Response | Promise<Response>
type Chunks = AsyncIterable<Uint8Array<ArrayBuffer>>

/**
 * The server side of EHBP 0.3.1 around `serve`, which sees only plaintext. A request without the header or without a
 * body passes as it is, both ways; one that cannot be opened is answered 400 or 422 and never reaches `serve`; a later
 * frame that does not open makes the body fail while it is read. Every request asks for the recipient anew, so a
 * rotated key counts from the next one on.
 */
export function sealed(serve: Serve, recipient: () => Recipient, freshNonce = randomNonce): Serve {
  return async request => {
    const header = request.headers.get(ENCAPSULATED_KEY_HEADER)
    if (header === null || request.body === null) return serve(request)
    const opening = await open(request.body, header, recipient()).catch(refusal)
    if (opening instanceof Response) return opening
    const nonce = freshNonce()
    const keys = deriveResponseKeys(opening.secret, opening.encapsulatedKey, nonce)
    return sealResponse(await serve(new Request(request, { body: opening.plaintext })), keys, nonce)
  }
}

/** One frame of an answer, its length in front: AES-256-GCM without associated data, under the nonce of its index. */
export function sealFrame(keys: ResponseKeys, index: number, plaintext: Uint8Array): Uint8Array<ArrayBuffer> {
  const cipher = createCipheriv('aes-256-gcm', keys.key, frameNonce(keys, index))
  return encodeFrame(Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]))
}

/** Opens the first frame before anyone reads on: it shows whether the client sealed to this recipient. */
async function open(body: Chunks, header: string, recipient: Recipient) {
  if (!isEncapsulatedKey(header)) throw new MalformedEhbp('encapsulated key is not 64 hex digits')
  const encapsulatedKey = Buffer.from(header, 'hex')
  const context = await recipient.setup(encapsulatedKey)
  const secret = await context.Export(new TextEncoder().encode(RESPONSE_LABEL), KEY_LENGTH)
  const frames = openFrames(body, context)
  const first = await frames.next()
  if (first.done) throw new MalformedEhbp('body holds no frame')
  return { encapsulatedKey, secret, plaintext: resume(first.value, frames) }
}

async function* openFrames(body: Chunks, context: RecipientContext) {
  const reader = new FrameReader()
  for await (const bytes of body) {
    for (const payload of reader.feed(bytes)) yield await context.Open(payload)
  }
  reader.end()
}

async function* resume<T>(first: T, rest: AsyncIterable<T>) {
  yield first
  yield* rest
}

/** What EHBP 0.3.1's server says in plaintext; a fault of its own is thrown on. */
function refusal(fault: unknown): Response {
  if (fault instanceof OpenError) {
    const problem = { type: KEY_CONFIG_PROBLEM, title: 'failed to read decrypted request body' }
    return Response.json(problem, { status: 422, headers: { 'content-type': 'application/problem+json' } })
  }
  if (fault instanceof MalformedEhbp || fault instanceof DecapError) {
    return new Response('failed to decrypt request', { status: 400, headers: { 'content-type': 'text/plain' } })
  }
  throw fault
}

function sealResponse(response: Response, keys: ResponseKeys, nonce: Uint8Array): Response {
  const { status, body } = response
  const headers = new Headers(response.headers)
  headers.delete('content-length')
  headers.set(RESPONSE_NONCE_HEADER, Buffer.from(nonce).toString('hex'))
  return new Response(body?.pipeThrough(sealFrames(keys)), { status, headers })
}

/** One frame per write, made and passed on as soon as there is something to seal. */
// Not an async generator: Bun joins what one yields within a tick, and each frame must be a write of its own.
function sealFrames(keys: ResponseKeys) {
  let index = 0
  return new TransformStream<Uint8Array, Uint8Array>({
    transform(plaintext, controller) {
      if (plaintext.length > 0) controller.enqueue(sealFrame(keys, index++, plaintext))
    },
  })
}

function randomNonce(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(KEY_LENGTH))
}
