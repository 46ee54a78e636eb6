import type { BackendName } from '../protocol/exchange.ts'
import { OPEN_UP, SEALED_UP } from '../protocol/headers.ts'
import type { Secret } from '../protocol/secret.ts'
import { ASK_METRICS_HEADER } from '../protocol/usage.ts'
import type { Write } from '../store/store.ts'

/** What a backend is given in place of the caller's token. */
export interface Credentials {
  /** The `Authorization` header in force. @throws Problem `upstream_…` */
  current(): string | Promise<string>
  /** Whether there is another one now than this, which was refused. Never throws. */
  renewed(refused: string): Promise<boolean>
  /**
   * Forgets the one in force, here and in the database, in one transaction with a write: the next to ask has another.
   * Absent where it is a setting. @throws Problem `database_unavailable`
   */
  revoke?(entry: Write): Promise<void>
}

/** A place that answers requests. */
export interface Backend {
  readonly name: BackendName
  /** Where it is: origin and path prefix, no query. */
  readonly base: URL
  /** What of our paths its base has already. */
  readonly below: '' | '/v1'
  readonly credentials: Credentials
  /** The client's headers that it may see. */
  readonly passes: readonly string[]
  /** What it is told beside them. */
  readonly asks: Readonly<Record<string, string>>
}

/** Tinfoil: enclaves that open EHBP-sealed bodies, keep nothing, and state what an answer cost. */
export function tinfoil(baseUrl: string, key: Secret): Backend {
  return {
    name: 'tinfoil',
    base: new URL(baseUrl),
    below: '',
    credentials: fixed(key),
    passes: SEALED_UP,
    asks: { [ASK_METRICS_HEADER]: 'true' },
  }
}

/** A cloud shaped like OpenAI's that runs in a TEE itself, by a base URL with its `/v1`: it reads bodies and keeps things. */
export function openai(baseUrl: string, credentials: Credentials): Backend {
  return { name: 'openai', base: new URL(baseUrl), below: '/v1', credentials, passes: OPEN_UP, asks: {} }
}

/** A key that no refusal changes. */
export function fixed(key: Secret): Credentials {
  const authorization = `Bearer ${key.reveal()}`
  return { current: () => authorization, renewed: async () => false }
}

/** The path of a resource below a base URL, the base's prefix kept. */
export function pathAt({ pathname }: URL, path: string): string {
  return pathname.replace(/\/+$/, '') + path
}
