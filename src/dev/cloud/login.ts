import { createHmac, timingSafeEqual } from 'node:crypto'
import { json } from '../answers.ts'
import { type Json, jsonOf, type Routes } from './call.ts'
import { Refusal } from './refusal.ts'
import { type Manner, secondsOf } from './state.ts'

// Seconds that the clocks of both sides may differ.
const SKEW = 30

/** The keys that open everything else: the static one, and those that were issued. */
export class Keys {
  readonly #own: string | undefined
  readonly #issued = new Set<string>()

  constructor(own?: string) {
    this.#own = own
  }

  /** @throws Refusal 401 for any other `Authorization` than `Bearer` and a key */
  check(authorization: string | null): void {
    const key = /^Bearer (.+)$/.exec(authorization ?? '')?.[1]
    if (key !== undefined && (key === this.#own || this.#issued.has(key))) return
    throw new Refusal(401, 'Invalid or expired API key', { code: 'invalid_api_key' })
  }

  /** A new key, beside all that there are. */
  issue(): string {
    const key = `sk-${crypto.randomUUID().replaceAll('-', '')}`
    this.#issued.add(key)
    return key
  }

  /** Ends every key that was issued; the static one stays. */
  revoke(): void {
    this.#issued.clear()
  }
}

/** The login of a client that knows the shared secret. */
export function login(keys: Keys, secret: string | undefined, manner: Pick<Manner, 'now'>): Routes {
  return {
    'POST auth/vpc/login': async call => {
      const { client_id, ...proof } = await jsonOf(call)
      if (typeof client_id !== 'string' || client_id === '') return plain(400, 'client_id cannot be empty')
      if (secret === undefined || !proves(secret, proof, secondsOf(manner))) return plain(401, 'Invalid VPC signature')
      const id = `org-${client_id}`
      return json({
        access_token: 'stand-in, opens nothing',
        session: {},
        refresh_token: 'stand-in, opens nothing',
        api_key: keys.issue(),
        organization: { id, name: id },
        workspace: { id: 'default', organization_id: id },
      })
    },
  }
}

/** Only the time is signed, so that a login may be replayed while it is good: as cloud-api has it. */
function proves(secret: string, { timestamp, signature }: Json, now: number): boolean {
  if (typeof timestamp !== 'number' || !Number.isInteger(timestamp) || typeof signature !== 'string') return false
  const right = Buffer.from(createHmac('sha256', secret).update(String(timestamp)).digest('hex'))
  const given = Buffer.from(signature)
  return Math.abs(now - timestamp) <= SKEW && given.length === right.length && timingSafeEqual(given, right)
}

/** cloud-api refuses a login in plain text, not in OpenAI's shape. */
function plain(status: number, text: string): Response {
  return new Response(text, { status, headers: { 'content-type': 'text/plain; charset=utf-8' } })
}
