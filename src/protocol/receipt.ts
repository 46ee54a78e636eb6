import type { Ending } from './exchange.ts'
import type { ProblemCode } from './problem.ts'

/** What a receipt says it is: whatever else is signed by its key says something else. */
export const RECEIPT_PURPOSE = 'sealgate.receipt.v1'

/** A body, as far as it passed. */
export interface Passed {
  readonly bytes: number
  /** In hex. */
  readonly sha256: string
  /** Whether it passed to its end. */
  readonly whole: boolean
}

/** The same as it is kept, its digest in base64url. */
export type PassedFacts = readonly [bytes: number, sha256: string, whole: boolean]

/** What is known of a request once it is over: digests, counts and names, and no word of what was said. */
export interface Receipt {
  readonly backend: string | null
  /** What went wrong, if the gateway said so. */
  readonly code: ProblemCode | null
  readonly ended_at: string
  readonly ending: Ending
  /** Of the enclave or backend that was asked. */
  readonly host: string | null
  readonly id: string
  /** By which it is signed, as it stands in the keyset of a report. */
  readonly key: { readonly algorithm: 'ed25519'; readonly epoch: number; readonly public_key: string }
  readonly method: string
  /** As who answered named it. */
  readonly model: string | null
  readonly purpose: typeof RECEIPT_PURPOSE
  readonly received_at: string
  readonly request: Passed
  readonly response: Passed
  /** The route's template. */
  readonly route: string
  /** 128 random bits, in hex: without them a receipt's own digest would tell what it is of. */
  readonly salt: string
  /** Of the canonical JSON of the settings that a report states. */
  readonly settings_sha256: string
  readonly status: number
}

/** A receipt in canonical JSON (RFC 8785), and the Ed25519 signature under that very text, in hex. */
export interface SignedReceipt {
  readonly receipt: string
  readonly receipt_signature: string
}

/** What is signed in the way of `/v1/signature`: the digests of both bodies. */
export const digestsText = ({ request, response }: Pick<Receipt, 'request' | 'response'>): string =>
  `${request.sha256}:${response.sha256}`

/** Counts and hashes a body's bytes as they pass. */
class Tally {
  bytes = 0
  /** Whether the end has passed. */
  ended = false
  // Between other work it takes a third less than a CryptoHasher.
  readonly #hash = new Bun.SHA256()
  #isTold = false

  /** Takes a piece, of which nothing is kept; `undefined` is the end. What comes after it was told counts no more. */
  take(piece: Uint8Array | undefined): void {
    if (this.#isTold) return
    this.ended ||= !piece
    if (!piece) return
    this.bytes += piece.byteLength
    this.#hash.update(piece)
  }

  /** Ends it; what passed is told, once, when it is asked for. */
  passed(whole: boolean): () => PassedFacts {
    this.#isTold = true
    return () => [this.bytes, this.#hash.digest('base64url'), whole]
  }
}

/** The receipt of a request that is under way. */
export class OpenReceipt {
  readonly id: string
  readonly method: string
  readonly up = new Tally()
  readonly down = new Tally()
  /** What the client said its body's length is. */
  readonly #length: string | null

  constructor(id: string, request: Request) {
    const { method, headers } = request
    this.id = id
    this.method = method
    // Bun gives a GET no body, though one was sent.
    this.#length = headers.get('content-length') ?? (request.body || headers.has('transfer-encoding') ? null : '0')
  }

  /** Tells, once, of the client's body: by its length it is whole before its end is told. */
  request(): () => PassedFacts {
    return this.up.passed(this.up.ended || String(this.up.bytes) === this.#length)
  }
}
