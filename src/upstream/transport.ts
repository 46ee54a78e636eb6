import { Problem } from '../protocol/problem.ts'
import { alarm } from './alarm.ts'
import { type Body, goneFrom, requestStalled } from './body.ts'
import type { Connection, Told } from './connection.ts'
import type { Egress } from './egress.ts'
import { type Pool, pool } from './pool.ts'
import type { Answer } from './received.ts'
import { requestHead } from './request-head.ts'
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
export type Transport = (outgoing: Outgoing) => Promise<Answer>

// Not fetch: that one lets a process have 256 requests at once and hides an answer's trailers. Nor node:http(s), which
// takes twice the CPU and memory.
/** A transport that keeps connections for the next request, follows nothing and verifies every certificate. */
export function transport(patience: Patience, egress: Egress = {}): Transport {
  const connections = pool(egress, patience.connectMs)
  return outgoing => new Sending(outgoing, patience, connections).answer
}

/** One request until its answer's headers are there: every way it can fail, each with its own words. */
class Sending implements Told {
  readonly #outgoing: Outgoing
  readonly #patience: Patience
  readonly #pool: Pool
  readonly #asked = Promise.withResolvers<Answer>()
  readonly #connecting = alarm()
  readonly #waiting = alarm()
  #connection: Connection | undefined
  #answer: Answer | undefined
  #mayTryAgain: boolean

  constructor(outgoing: Outgoing, patience: Patience, connections: Pool) {
    this.#outgoing = outgoing
    this.#patience = patience
    this.#pool = connections
    // Never a POST: what is lost may have been taken up and paid for (RFC 9110 section 9.2.2).
    this.#mayTryAgain = outgoing.method === 'GET' && !outgoing.body
    const { signal } = outgoing
    signal.addEventListener('abort', this)
    if (signal.aborted) this.handleEvent()
    else this.#begin(false)
  }

  get answer(): Promise<Answer> {
    return this.#asked.promise
  }

  reached(): void {
    this.#connecting.off()
    this.#outgoing.reached()
  }

  answered(answer: Answer): void {
    this.#settle()
    this.#answer = answer
    this.#asked.resolve(answer)
  }

  failed(problem: Problem, untaken: boolean): void {
    if (untaken && this.#mayTryAgain) {
      this.#mayTryAgain = false
      this.#begin(true)
    } else this.#fail(problem)
  }

  /** The client left. */
  handleEvent(): void {
    this.#fail(goneFrom(this.#outgoing.signal))
  }

  /** A second try takes no kept connection, which might be closing too, but a new one for itself. */
  #begin(again: boolean): void {
    const { origin, method, body } = this.#outgoing
    try {
      const head = requestHead(this.#outgoing, again)
      const connection = again ? this.#pool.fresh(origin) : this.#pool.take(origin)
      this.#connection = connection
      connection.begin(this, method === 'HEAD', !again)
      if (connection.isStanding) this.reached()
      else this.#connecting.unlessSet(this.#patience.connectMs, this.#late('accept the connection'))
      if (body) return void upload(head, body, connection, this.#watch())
      connection.outbox.write(Buffer.from(head, 'latin1'))
      connection.isSent = true
      this.#waiting.unlessSet(this.#patience.headerMs, this.#late('answer'))
    } catch (cause) {
      this.#settle()
      this.#asked.reject(cause)
    }
  }

  #watch() {
    const { bodyMs, headerMs } = this.#patience
    // Once the answer is there it takes its time, and so may the rest of the body.
    const within = (ms: number, ring: () => void) => {
      if (!this.#answer) this.#waiting.in(ms, ring)
    }
    return {
      waiting: () => within(bodyMs, () => this.#fail(requestStalled())),
      blocked: () => within(headerMs, this.#late('read the request')),
      sent: () => within(headerMs, this.#late('answer')),
      broken: (reason: unknown) => this.#fail(reason instanceof Problem ? reason : goneFrom(this.#outgoing.signal)),
    }
  }

  #late(what: string): () => void {
    return () => this.#fail(new Problem('upstream_timeout', `The upstream did not ${what} in time.`))
  }

  #fail(problem: Problem): void {
    this.#settle()
    this.#answer?.destroy(problem)
    if (!this.#answer) this.#connection?.abandon()
    this.#asked.reject(problem)
  }

  #settle(): void {
    this.#mayTryAgain = false
    this.#connecting.off()
    this.#waiting.off()
    this.#outgoing.signal.removeEventListener('abort', this)
  }
}
