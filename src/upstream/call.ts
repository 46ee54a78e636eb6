import { Problem } from '../protocol/problem.ts'
import { type Egress, proxyTo } from './egress.ts'
import { ProxyFault } from './proxy-fault.ts'

interface Bounds {
  /** Milliseconds for the whole exchange. */
  withinMs: number
  maxBytes: number
}

interface Asked extends Bounds {
  url: string
  accept: string
}

interface Sent extends Bounds {
  url: string
  method?: 'GET' | 'POST' | 'DELETE'
  headers: Record<string, string>
  body?: string | URLSearchParams | Uint8Array | undefined
}

/** Gets a small document from somebody else's server. */
export type Call = (asked: Asked) => Promise<Uint8Array>

/** Asks somebody else's server something small; gives its answer, whatever the status, read to the end. */
export type Send = (sent: Sent) => Promise<Response>

/** Both ways to ask, by one way out. */
export interface Calls {
  readonly send: Send
  readonly call: Call
}

/**
 * Every call that is not a forwarded request: no redirects, bounded in time and size, certificates verified, no proxy but
 * the operator's and no compression, nothing of ours sent along but what is told. `send` throws Problem
 * `upstream_unreachable`, `upstream_timeout` or `upstream_malformed` (not an HTTP URL, too large), and `call` that one for
 * any status but 200 too.
 */
export function calls(egress: Egress = {}): Calls {
  const { roots } = egress
  const tls = { rejectUnauthorized: true, ...(roots && { ca: roots.pem }) }

  const send: Send = async ({ url, method = 'GET', headers, body, withinMs, maxBytes }) => {
    // fetch also reads files and buckets, and a URL may come out of a document of somebody else's.
    if (!/^https?:/i.test(url)) throw new Problem('upstream_malformed', 'The other server has no HTTP address.')
    const named = new Headers(headers)
    named.set('user-agent', 'sealgate')
    let proxy: URL | undefined
    try {
      proxy = egress.proxy && proxyTo(new URL(url), egress)
      const response = await fetch(url, {
        method,
        headers: named,
        // The type bars memory that threads share, which none of ours is: to copy 32 MiB for it takes 25 ms.
        ...(body !== undefined && { body: body as Exclude<typeof body, Uint8Array> }),
        // On a kept connection that is just being closed a POST would be lost, and may not be sent again.
        keepalive: method === 'GET',
        redirect: 'manual',
        decompress: false,
        proxy: proxy?.href ?? false,
        tls,
        signal: AbortSignal.timeout(withinMs),
      })
      const { status } = response
      if (status < 200 || status > 599) throw malformed(`with status ${status}`)
      return new Response(await readAtMost(maxBytes, response), { status, headers: response.headers })
    } catch (cause) {
      throw cause instanceof Problem ? cause : ((proxy && proxyFaultIn(cause)) ?? unanswered(cause))
    }
  }

  const call: Call = async ({ accept, ...asked }) => {
    const response = await send({ ...asked, headers: { accept } })
    if (response.status !== 200) throw malformed(`with status ${response.status}`)
    return response.bytes()
  }

  return { send, call }
}

function unanswered(cause: unknown): Problem {
  return cause instanceof DOMException && cause.name === 'TimeoutError'
    ? new Problem('upstream_timeout', 'The other server did not answer in time.', { cause })
    : new Problem('upstream_unreachable', 'The other server could not be reached.', { cause })
}

/** What a proxy's fault makes of a call: where there is one, nobody else is connected to, nor looked up. */
function proxyFaultIn(cause: unknown): Problem | undefined {
  const { code, message } = Object(cause)
  const [, status] = code === 'ERR_PROXY_TUNNEL' ? (/: (\d{3})\b/.exec(message) ?? []) : []
  if (status) return new ProxyFault(`refused_${status}`, { cause }).problem
  return UNSENT.has(code) ? new ProxyFault('unreachable', { cause }).problem : undefined
}

/** Whether a call ended before anything of it was sent. */
export function isUnsent(error: unknown): boolean {
  const cause = error instanceof Problem ? error.cause : undefined
  return cause instanceof ProxyFault || UNSENT.has(Object(cause).code)
}

const UNSENT: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH'])

async function readAtMost(maxBytes: number, { body }: Response): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.byteLength
    if (size > maxBytes) throw malformed(`with more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function malformed(how: string): Problem {
  return new Problem('upstream_malformed', `The other server answered ${how}.`)
}
