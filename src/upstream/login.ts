import { createHmac } from 'node:crypto'
import { headerToken } from '../protocol/kinds.ts'
import { Problem } from '../protocol/problem.ts'
import type { Secret } from '../protocol/secret.ts'
import type { Send } from './call.ts'

/** Where a gateway logs in, and as whom. */
export interface Membership {
  /** With its `/v1`. */
  readonly baseUrl: string
  readonly clientId: string
  /** What both sides know. */
  readonly secret: Secret
}

/** A login that was answered otherwise than with a key: by which status, and nothing else of the answer. */
export class LoginRefused extends Problem {
  readonly answered: number

  constructor(answered: number) {
    super('upstream_credentials', 'The backend does not let this gateway in: that is for its operator to mend.', {
      headers: { 'x-should-retry': 'false' },
    })
    this.answered = answered
  }
}

interface Deps extends Membership {
  send: Send
  now: () => number
}

const BOUNDS = { withinMs: 10_000, maxBytes: 65_536 }

/**
 * Logs in as NEAR AI's cloud-api has it, for a new API key: the time in seconds is signed by HMAC-SHA256.
 * @throws LoginRefused, or Problem as {@link Send}
 */
export async function login({ baseUrl, clientId, secret, send, now }: Deps): Promise<string> {
  const timestamp = Math.floor(now() / 1000)
  const signature = createHmac('sha256', secret.reveal()).update(String(timestamp)).digest('hex')
  const answer = await send({
    url: `${baseUrl}/auth/vpc/login`,
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/json' },
    body: JSON.stringify({ timestamp, signature, client_id: clientId }),
    ...BOUNDS,
  })
  const key = answer.ok ? keyIn(await answer.json().catch(() => undefined)) : undefined
  if (key === undefined) throw new LoginRefused(answer.status)
  return key
}

/** The key of an answer that says whose it is; of whatever else is in it nothing is read. */
function keyIn(answer: unknown): string | undefined {
  const { api_key: key, organization } = Object(answer)
  const { id } = Object(organization)
  if (typeof id !== 'string' || id === '' || typeof key !== 'string') return undefined
  return headerToken.read(key)
}
