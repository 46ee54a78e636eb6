import { KEYS_MEDIA_TYPE, KEYS_PATH, marshalKeyConfiguration } from '../protocol/ehbp.ts'
import { ASK_METRICS_HEADER, METRICS_HEADER } from '../protocol/usage.ts'
import { chatFrames, eventsOf, json } from './answers.ts'
import { type Bill, bill, metricsOf } from './bill.ts'
import { completion, MODELS, readChat, tokensIn } from './model.ts'
import { recipient } from './recipient.ts'
import { sealed } from './sealing.ts'
import { type Sending, serveHttp } from './server.ts'

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
  /** Told of each chat that was answered, when its answer has ended. */
  readonly entered?: (entry: Entry) => void
}

/** One line of the stand-in's own books: of an answer that was cut, what had been made by then. */
export interface Entry extends Bill {
  /** The `X-Request-Id` that came with the chat. */
  readonly request: string | null
  /** Whether the bill was handed over in header or trailer. */
  readonly stated: boolean
  /** Whether the client left before the end. */
  readonly cut: boolean
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
  const { port = 0, hostname = '127.0.0.1' } = options
  const { url, stop } = await serveHttp(
    (request, sending) =>
      sealed(
        opened => serve(opened, sending),
        () => current,
      )(request),
    { port, hostname },
  )
  return {
    url,
    get hpkePublicKeyHex() {
      return Buffer.from(current.publicKey).toString('hex')
    },
    rotate: async () => {
      current = await recipient()
    },
    stop,
  }
}

function routes(options: StandInOptions, publicKey: () => Uint8Array) {
  return (request: Request, sending: Sending): Response | Promise<Response> => {
    const { pathname } = new URL(request.url)
    // HEAD as GET: the server leaves the body out.
    const method = request.method === 'HEAD' ? 'GET' : request.method
    switch (`${method} ${pathname}`) {
      case `GET ${KEYS_PATH}`:
        return new Response(marshalKeyConfiguration(publicKey()), { headers: { 'content-type': KEYS_MEDIA_TYPE } })
      case 'GET /attestation':
        return json(simulatedBundle(publicKey()))
      case 'GET /v1/models':
        return json({ object: 'list', data: MODELS.map(listed) })
      case 'POST /v1/chat/completions':
        return answerChat(request, sending, options)
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

async function answerChat(request: Request, sending: Sending, options: StandInOptions): Promise<Response> {
  const { key, pace = 25, sleep = Bun.sleep, entered } = options
  if (request.headers.get('authorization') !== `Bearer ${key}`) return refused(401, 'Incorrect API key provided.')
  const chat = readChat(await request.json().catch(() => undefined))
  if ('fault' in chat) return refused(400, chat.fault)
  const stamp = { id: `chatcmpl-${crypto.randomUUID()}`, created: Math.floor(Date.now() / 1000) }
  const { prompt, completion: all } = tokensIn(chat)
  const metrics = metricsOf(bill(chat.model, prompt, all))
  const asked = request.headers.get(ASK_METRICS_HEADER) === 'true'
  // All that is not said in a stream's first event is a token, until all are said.
  let events = 0
  sending.ended = whole => {
    const made = chat.stream ? Math.min(Math.max(events - 1, 0), all) : all
    const id = request.headers.get('x-request-id')
    entered?.({ ...bill(chat.model, prompt, made), request: id, stated: asked && whole, cut: !whole })
  }
  if (!chat.stream) return json(completion(chat, stamp), { headers: asked ? { [METRICS_HEADER]: metrics } : {} })
  if (asked) sending.trailers[METRICS_HEADER] = metrics
  const body = eventsOf(chatFrames(chat, stamp), () => {
    events++
    return sleep(pace)
  })
  const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' }
  return new Response(body, { headers: { ...headers, ...(asked && { trailer: METRICS_HEADER }) } })
}

/** OpenAI's error object. */
function refused(status: number, message: string, type = 'invalid_request_error'): Response {
  return json({ error: { message, type } }, { status })
}
