import { type Kit, type KitOptions, startGateway } from './gateway.ts'
import { type RawUpstream, type Reply, rawRequest, rawUpstream, requestBytes, type Wire } from './raw.ts'

/** A line of the gateway's log, as far as tests look at it. */
interface Line {
  readonly level: string
  readonly event: string
  readonly status?: number
  readonly code?: string
  readonly ending?: string
  readonly bytes?: number
  readonly first_byte_ms?: number
}

/** A gateway in front of a raw upstream, and ways to ask it. */
export interface Stage {
  readonly upstream: RawUpstream
  readonly kit: Kit
  /** Asks as a signed-in user, by raw socket; the connection stays open. */
  ask(line: string, headers?: Record<string, string>, body?: string): Promise<Wire>
  /** Asks for the models as a signed-in user. */
  get(init?: RequestInit): Promise<Response>
  /** Sends a chat as a signed-in user. */
  post(body: NonNullable<RequestInit['body']>, init?: RequestInit): Promise<Response>
  /** The log lines of an event, once there are so many; one unless told. */
  logged(event: string, count?: number): Promise<Line[]>
}

type Options = Omit<KitOptions, 'upstream'> & { base?: (upstream: RawUpstream) => string }

/** Sets stages and clears them all away again. */
export function stages() {
  const running: { stop(): Promise<void> }[] = []
  return {
    /** A gateway in front of an upstream that replies so. */
    set: async (reply: Reply, { base = ({ url }) => url, ...options }: Options = {}): Promise<Stage> => {
      const upstream = await rawUpstream(reply)
      const kit = await startGateway({ upstream: base(upstream), ...options })
      running.push(kit, upstream)
      return stage(kit, upstream)
    },
    /** Something else to be stopped in the end. */
    also: <T extends { stop(): Promise<void> }>(part: T): T => {
      running.push(part)
      return part
    },
    clear: async () => {
      for (const part of running.splice(0)) await part.stop()
    },
  }
}

function stage(kit: Kit, upstream: RawUpstream): Stage {
  return {
    upstream,
    kit,
    ask: async (line, headers = {}, body = '') =>
      rawRequest(kit.url, requestBytes(line, { ...(await kit.bearer()), ...headers }, body)),
    get: async ({ headers = {}, ...init } = {}) =>
      fetch(`${kit.url}/v1/models`, {
        ...init,
        redirect: 'manual',
        decompress: false,
        headers: { ...(await kit.bearer()), ...headers },
      }),
    post: async (body, { headers = {}, ...init } = {}) =>
      fetch(`${kit.url}/v1/chat/completions`, {
        method: 'POST',
        ...init,
        body,
        headers: { ...(await kit.bearer()), ...headers },
      }),
    logged: (event, count = 1) =>
      eventually(() => {
        const lines: Line[] = kit.lines.map(line => JSON.parse(line)).filter(line => line.event === event)
        return lines.length >= count ? lines : undefined
      }, `${count} × ${event} in the log`),
  }
}

/** Asks again until there is an answer other than `undefined` and `false`, for five seconds at most. */
export async function eventually<T>(
  look: () => T | undefined | false | Promise<T | undefined | false>,
  what = 'it',
  withinMs = 5000,
): Promise<T> {
  const until = performance.now() + withinMs
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    if (performance.now() > until) throw new Error(`waited ${withinMs} ms for ${what}`)
    await Bun.sleep(5)
  }
}

/** One chunk of a chunked body (RFC 9112 section 7.1). */
export function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`
}

/** What a chunked body says, as far as it came, and whether its last chunk came. */
export function unchunk(body: string): { text: string; whole: boolean } {
  let text = ''
  let at = 0
  for (;;) {
    const line = body.indexOf('\r\n', at)
    const size = Number.parseInt(body.slice(at, line), 16)
    if (line < 0 || Number.isNaN(size)) return { text, whole: false }
    if (size === 0) return { text, whole: true }
    text += body.slice(line + 2, line + 2 + size)
    at = line + 2 + size + 2
  }
}

/** A whole answer's bytes. */
export function answerBytes(status: string, headers: Record<string, string>, body = ''): string {
  const lines = Object.entries({ 'Content-Length': String(body.length), ...headers })
  return `HTTP/1.1 ${status}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`
}

export const CHAT = 'POST /v1/chat/completions'
/** A route whose open bodies are nobody's business but the enclave's: any bytes pass. */
export const EMBEDDINGS = 'POST /v1/embeddings'
export const MODELS = 'GET /v1/models'
export const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
