import http, { type ClientRequest, type IncomingMessage } from 'node:http'
import https from 'node:https'
import { Problem } from '../protocol/problem.ts'
import { alarm } from './alarm.ts'
import { listen } from './attempt.ts'
import { type Body, goneFrom, requestStalled } from './body.ts'
import { agents, type Egress } from './egress.ts'
import { upload } from './upload.ts'

/** A request on its way to an upstream. */
export interface Outgoing {
  readonly origin: URL
  readonly method: string
  /** Path and query, exactly as they go on the wire. */
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: Body | null
  /** Called once a connection is there. */
  readonly reached: () => void
  /** Aborted when the client leaves, or with the Problem for which the request is cut. */
  readonly signal: AbortSignal
}

/** How long each moment may take, in milliseconds. */
export interface Patience {
  /** Until the connection stands, TLS included. */
  readonly connectMs: number
  /** For each piece of the client's body; one taken whole is one piece. */
  readonly bodyMs: number
  /** From the request's last byte to the answer's first header, and for each wait until the upstream reads on. */
  readonly headerMs: number
}

/**
 * Sends a request and resolves at the answer's headers; the caller then reads its body. A GET that was lost before
 * the upstream took it up is sent once more, within the same time.
 * @throws Problem `upstream_unreachable`, `upstream_timeout`, `upstream_malformed`, `request_stalled`, `body_too_large`
 * or `client_gone`; or what the signal was aborted with.
 */
export type Transport = (outgoing: Outgoing) => Promise<IncomingMessage>

// node:http(s) and not fetch: fetch lets a process have 256 requests at once and hides an answer's trailers.
/** A transport that keeps connections for the next request, follows nothing and verifies every certificate. */
export function transport(patience: Patience, egress: Egress = {}): Transport {
  // An idle connection goes before the usual servers close it: a request sent on a closing one is lost.
  const pool = { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, maxFreeSockets: 256, timeout: 30_000 }
  const kept = agents(pool, egress, patience.connectMs)
  const fresh = agents({}, egress, patience.connectMs)

  return outgoing => {
    const { origin, method, path, headers } = outgoing
    const { hostname, port, protocol } = origin
    const host = hostname.replace(/^\[|\]$/g, '')
    const options = { host, port, method, path, headers }
    // A second try takes no kept connection, which might be closing too, but a new one for itself.
    const open = (again: boolean) => {
      const agent = (again ? fresh : kept)(origin)
      return protocol === 'https:'
        ? https.request({ ...options, agent, rejectUnauthorized: true })
        : http.request({ ...options, agent })
    }
    return attend(open, outgoing, patience)
  }
}

/** Watches over one request until its answer's headers are there: every way it can fail, each with its own words. */
function attend(
  open: (again: boolean) => ClientRequest,
  { method, body, signal, reached }: Outgoing,
  patience: Patience,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    let request = open(false)
    let answer: IncomingMessage | undefined
    // Never a POST: what is lost may have been taken up and paid for (RFC 9110 section 9.2.2).
    let mayTryAgain = method === 'GET' && !body
    const connecting = alarm()
    const waiting = alarm()

    function fail(problem: Problem): void {
      settle()
      if (answer) answer.destroy(problem)
      reject(problem)
      request.destroy()
    }
    function settle(): void {
      mayTryAgain = false
      connecting.off()
      waiting.off()
      signal.removeEventListener('abort', leave)
    }
    const leave = () => fail(goneFrom(signal))
    const stalled = () => fail(requestStalled())
    const late = (what: string) => () => fail(new Problem('upstream_timeout', `The upstream did not ${what} in time.`))

    function follow(): void {
      listen(request, {
        connecting: () => connecting.unlessSet(patience.connectMs, late('accept the connection')),
        reached: () => {
          connecting.off()
          reached()
        },
        answered: incoming => {
          settle()
          answer = incoming
          resolve(incoming)
        },
        failed: (problem, untaken) => {
          if (!(untaken && mayTryAgain)) return fail(problem)
          mayTryAgain = false
          request = open(true)
          follow()
          request.end()
        },
      })
    }

    signal.addEventListener('abort', leave)
    follow()
    if (signal.aborted) return leave()
    // Once the answer is there it takes its time, and so may the rest of the body.
    const within = (ms: number, ring: () => void) => answer ?? waiting.in(ms, ring)
    void upload(body, request, {
      waiting: () => within(patience.bodyMs, stalled),
      blocked: () => within(patience.headerMs, late('read the request')),
      sent: () => within(patience.headerMs, late('answer')),
      broken: reason => (reason instanceof Problem ? fail(reason) : leave()),
    })
  })
}
