import { type Sending, serveHttp } from '../server.ts'
import { attestation } from './attestation.ts'
import { type Call, type Heard, overheard, type Serve } from './call.ts'
import { chat } from './chat.ts'
import { conversations } from './conversations.ts'
import { files } from './files.ts'
import { items } from './items.ts'
import { Keys, login } from './login.ts'
import { MODELS, models } from './models.ts'
import { missing } from './refusal.ts'
import { responses } from './responses.ts'
import { routing } from './routing.ts'
import { signatures } from './signatures.ts'
import { emptyState, type Manner, type State } from './state.ts'
import { played, type Turn, Turns } from './turns.ts'

/** How a stand-in cloud is set up. */
export interface CloudOptions extends Partial<Manner> {
  /** An API key that is good for ever. */
  readonly key?: string
  /** What a login is signed with; without it there is none. */
  readonly secret?: string
  /** 0, the default, takes any free port. */
  readonly port?: number
  readonly hostname?: string
  /** Told of each request when its head has come. */
  readonly entered?: (heard: Heard) => void
}

/** A running stand-in cloud. */
export interface StandInCloud {
  /** With `/v1`, without a slash at the end. */
  readonly url: string
  /** How many requests came so far, by route such as `POST conversations`. */
  readonly counts: ReadonlyMap<string, number>
  /** What there is right now. */
  ids(kind: 'conversations' | 'responses' | 'files'): string[]
  /** Has the next requests go another way. */
  next(turn: Turn): void
  /** Ends every key that a login has given. */
  revoke(): void
  /** Frees the port and cuts open streams. */
  stop(): Promise<void>
}

const OPEN = 'POST auth/vpc/login'

/**
 * A server for dev mode and tests in the shape of NEAR AI's cloud-api: conversations, responses, chat, files, models and
 * reports behind an API key, kept in memory, all in one workspace. No model answers; the text says so.
 */
export async function standInCloud(options: CloudOptions = {}): Promise<StandInCloud> {
  const state = emptyState()
  const keys = new Keys(options.key)
  const turns = new Turns()
  const counts = new Map<string, number>()
  const find = routing(routesOf(state, keys, options))
  const { port = 0, hostname = '127.0.0.1', entered } = options
  const answer = (request: Request, sending: Sending) => {
    const [path = '', query = ''] = sending.target.split(/\?(.*)/s)
    const found = find(request.method === 'HEAD' ? 'GET' : request.method, path)
    const heard = heardOf(request, path, query, found?.route)
    counts.set(found?.route ?? '', (counts.get(found?.route ?? '') ?? 0) + 1)
    entered?.(heard)
    const serve: Serve = call => {
      if (found?.route !== OPEN) keys.check(request.headers.get('authorization'))
      if (!found) throw missing(`Nothing at ${request.method} ${path}.`)
      return found.serve(call)
    }
    return played(turns.next(found?.route), serve, callOf(request, sending, heard, found?.params ?? {}))
  }
  const { url, stop } = await serveHttp(answer, { port, hostname })
  return {
    url: `${url}/v1`,
    counts,
    ids: kind => state[kind].all().map(({ id }) => id),
    next: turn => turns.add(turn),
    revoke: () => keys.revoke(),
    stop,
  }
}

function routesOf(state: State, keys: Keys, { secret, ...options }: CloudOptions) {
  const manner: Manner = { pace: 25, sleep: Bun.sleep, now: Date.now, isForgetful: false, ...options }
  return {
    ...conversations(state, manner),
    ...items(state),
    ...responses(state, manner),
    ...chat(state, manner),
    ...files(state, manner),
    ...models(),
    ...signatures(state),
    ...attestation(MODELS),
    ...login(keys, secret, manner),
  }
}

function heardOf({ method, headers }: Request, path: string, query: string, route: string | undefined): Heard {
  const id = `req_${crypto.randomUUID().replaceAll('-', '')}`
  const body = Buffer.alloc(0)
  return {
    id,
    method,
    path,
    query,
    headers,
    route,
    body,
    bytes: 0,
    sha256: undefined,
    status: undefined,
    ended: 'open',
  }
}

function callOf(request: Request, sending: Sending, heard: Heard, params: Call['params']): Call {
  const leaving = new AbortController()
  sending.ended = whole => {
    heard.ended = whole ? 'whole' : 'cut'
    if (!whole) leaving.abort()
  }
  const query = new URLSearchParams(heard.query)
  return { heard, params, query, body: overheard(request.body, heard), left: leaving.signal }
}
