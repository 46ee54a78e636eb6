import { KEYS_MEDIA_TYPE, KEYS_PATH, marshalKeyConfiguration } from '../protocol/ehbp.ts'
import { completion, completionChunks, MODELS, readChat } from './model.ts'
import { recipient } from './recipient.ts'
import { sealed } from './sealing.ts'

/** How a stand-in enclave is set up. */
export interface StandInOptions {
  /** The one API key that chat takes. */
  readonly key: string
  /** 0, the default, takes any free port. */
  readonly port?: number
  readonly hostname?: string
  /** 32 bytes, random unless given; for known exchanges. */
  readonly privateKey?: Uint8Array
  /** Milliseconds between two events of a stream. */
  readonly pace?: number
  /** Waits that many milliseconds; tests put a gate here. */
  readonly sleep?: (ms: number) => Promise<void>
}

/** A running stand-in enclave. */
export interface StandInEnclave {
  /** Origin without a slash at the end. */
  readonly url: string
  /** The X25519 key that bodies are sealed to right now, 64 hex digits. */
  readonly hpkePublicKeyHex: string
  /** Changes the key, as a restart would: what is sealed to the old one gets 422. */
  rotate(): Promise<void>
  /** Frees the port and cuts open streams. */
  stop(): Promise<void>
}

/**
 * An enclave for dev mode and tests: it serves a key configuration, a list of models and chat, opens and seals bodies
 * by EHBP as the real one does, and proves nothing. No model answers; the text says so.
 */
export async function standInEnclave(options: StandInOptions): Promise<StandInEnclave> {
  let current = await recipient(options.privateKey)
  const serve = routes(options, () => current.publicKey)
  const server = Bun.serve({
    port: options.port ?? 0,
    hostname: options.hostname ?? '127.0.0.1',
    reusePort: false,
    development: false,
    idleTimeout: 0,
    maxRequestBodySize: 128 * 1024 * 1024,
    fetch: sealed(serve, () => current),
    error: () => refused(500, 'Internal error.', 'server_error'),
  })
  return {
    url: server.url.origin,
    get hpkePublicKeyHex() {
      return Buffer.from(current.publicKey).toString('hex')
    },
    rotate: async () => {
      current = await recipient()
    },
    stop: () => server.stop(true),
  }
}

function routes(options: StandInOptions, publicKey: () => Uint8Array) {
  return (request: Request): Response | Promise<Response> => {
    const { pathname } = new URL(request.url)
    // HEAD as GET: Bun.serve leaves the body out.
    const method = request.method === 'HEAD' ? 'GET' : request.method
    switch (`${method} ${pathname}`) {
      case `GET ${KEYS_PATH}`:
        return new Response(marshalKeyConfiguration(publicKey()), { headers: { 'content-type': KEYS_MEDIA_TYPE } })
      case 'GET /attestation':
        return Response.json(simulatedBundle(publicKey()))
      case 'GET /v1/models':
        return Response.json({ object: 'list', data: MODELS.map(listed) })
      case 'POST /v1/chat/completions':
        return answerChat(request, options)
      default:
        return refused(404, `Nothing at ${method} ${pathname}.`)
    }
  }
}

/** A bundle in the shape of a real one that says what it is, in every field a verifier reads first. */
function simulatedBundle(publicKey: Uint8Array) {
  const format = 'urn:sealgate:simulated:nothing-is-attested'
  return {
    simulated: true,
    domain: 'stand-in.invalid',
    enclaveAttestationReport: { format, body: Buffer.from(publicKey).toString('base64') },
    digest: '0'.repeat(64),
    sigstoreBundle: {},
    vcek: '',
    enclaveCert: '',
  }
}

function listed(id: string) {
  return { id, object: 'model', created: 0, owned_by: 'stand-in' }
}

async function answerChat(request: Request, options: StandInOptions): Promise<Response> {
  const { key, pace = 25, sleep = Bun.sleep } = options
  if (request.headers.get('authorization') !== `Bearer ${key}`) return refused(401, 'Incorrect API key provided.')
  const chat = readChat(await request.json().catch(() => undefined))
  if ('fault' in chat) return refused(400, chat.fault)
  const stamp = { id: `chatcmpl-${crypto.randomUUID()}`, created: Math.floor(Date.now() / 1000) }
  if (!chat.stream) return Response.json(completion(chat, stamp))
  const body = events(completionChunks(chat, stamp), () => sleep(pace))
  return new Response(body, { headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' } })
}

/** Server-sent events, the first at once, then one after each pause; nobody reading, no more are made. */
function events(chunks: Iterator<object>, pause: () => Promise<void>): ReadableStream<Uint8Array> {
  // Not an async generator: Bun joins what one yields within a tick, and each event must be a frame of its own.
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = chunks.next()
      controller.enqueue(Buffer.from(`data: ${done ? '[DONE]' : JSON.stringify(value)}\n\n`))
      if (done) return controller.close()
      await pause()
    },
  })
}

/** OpenAI's error object. */
function refused(status: number, message: string, type = 'invalid_request_error'): Response {
  return Response.json({ error: { message, type } }, { status })
}
