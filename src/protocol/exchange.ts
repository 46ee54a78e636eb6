import type { RequestId } from './ids.ts'
import type { Method } from './log.ts'
import type { Principal } from './principal.ts'
import type { Problem, ProblemCode } from './problem.ts'
import type { OpenReceipt } from './receipt.ts'
import type { Trace } from './trace.ts'
import type { Usage } from './usage.ts'

declare const route: unique symbol

/** A route's template, as it stands in the code: no caller's words can be in it. */
export type Route = string & { readonly [route]: true }

/** Who answers requests: enclaves that open sealed bodies, or a cloud that keeps conversations. */
export type BackendName = 'tinfoil' | 'openai'

/** How an answer's body ended: to its last byte, cut by the client, their request or their ban, or broken by the upstream. */
export type Ending = 'complete' | 'cancelled' | 'failed'

/** What is known of a body once it has ended. */
export interface BodyEnd {
  readonly ending: Ending
  readonly bytes: number
  /** When the first byte of the body came, in milliseconds since the epoch; absent if none did. */
  readonly firstByteAt: number | undefined
}

/** How an exchange ended, as the client saw it. */
export interface End extends BodyEnd {
  readonly status: number
}

/** One of the requests that a caller may have open at once. */
export interface Slot {
  readonly owner: string
  /** From 1 to the limit. */
  readonly number: number
}

/** One request's life, from its acceptance to the last byte of its answer: what the moments along the path tell each other. */
export class Exchange {
  readonly id: RequestId
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  method: Method = 'OTHER'
  /** The trace that its client continues in it, if any. */
  trace: Trace | undefined
  /** Path and query as the client wrote them, once they have been checked. */
  target = { path: '/', query: '' }
  route: Route | undefined
  principal: Principal | undefined
  /** Whether it counts as one that this process forwards. */
  inFlight = false
  /** What it holds of its caller's open requests. */
  slot: Slot | undefined
  /** SHA-256 of the public key that TLS showed on its connection (SPKI, DER), in hex; absent where TLS ends elsewhere. */
  spki: string | undefined
  /** What went wrong, if anything, where the status alone does not say it. */
  code: ProblemCode | undefined
  /** The error behind a refusal, for the log to name. */
  cause: unknown
  /** Headers that moments along the path add to the answer, whatever it will be. */
  readonly headers: Record<string, string> = {}
  /** Whether a connection to the upstream was there for it. */
  reached = false
  /** Whether a rate token was taken for it. */
  charged = false
  /** Who was asked, once that is decided. */
  backend: BackendName | undefined
  /** The host that was asked, once that is decided. */
  host: string | undefined
  /** Its receipt, if it has one. */
  receipt: OpenReceipt | undefined
  /** Bytes of the client's body that were read so far. */
  bytesUp = 0
  /** Bytes of an answer's body that is given in one piece. */
  bytesDown = 0
  /** What the upstream stated that the answer cost, once it did. */
  usage: Usage | undefined
  /** The id of an open answer, once it was told. */
  chatId: string | undefined
  /** Events of the answer's stream that passed so far: about as many as tokens. */
  events = 0
  /** Whether the answer has a body of the upstream's, whose end will {@link Exchange.settle} the exchange. */
  streaming = false
  /** What is known of that body where all of it was here with its headers, so that it is no stream. */
  passed: BodyEnd | undefined
  /** What breaks it off, once that is possible. */
  breaker: { abort(reason: Problem): void } | undefined

  constructor(id: RequestId, startedAt: number) {
    this.id = id
    this.startedAt = startedAt
  }

  /** Whose address it came from, proxies of ours looked through; `unknown` without a connection. */
  address(): string {
    return 'unknown'
  }

  /** The socket's own other end, whatever a proxy says; `unknown` without a connection. */
  peer(): string {
    return 'unknown'
  }

  /** Lifts the server's idle time-out from this connection until the answer has ended. */
  hold(): void {
    // Without a connection there is none.
  }

  /** Told once, when a streamed body has ended. */
  settle(_end: End): void {
    // Nobody asked.
  }

  /** Breaks it off; its client is told the reason, unless an answer has begun, which then breaks off too. */
  cut(reason: Problem): void {
    this.breaker?.abort(reason)
  }

  /** Is told of each piece of the client's body as it is read, and of its end by `undefined`. */
  took(piece: Uint8Array | undefined): void {
    this.bytesUp += piece?.byteLength ?? 0
    this.receipt?.up.take(piece)
  }
}
