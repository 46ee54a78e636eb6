import type { Log } from '../protocol/log.ts'
import { Problem } from '../protocol/problem.ts'
import type { Fields } from '../store/fields.ts'
import type { Store } from '../store/store.ts'
import type { Credentials } from './backends.ts'
import { byLogin, type Found } from './by-login.ts'
import type { Send } from './call.ts'
import { keptKey } from './kept-key.ts'
import { LoginRefused, type Membership } from './login.ts'

/** A backend that does not let us in at the start; the message says what to check. */
export class LoginFault extends Error {
  override readonly name = 'LoginFault'
}

interface Deps {
  at: Membership
  send: Send
  store: Store
  fields: Fields
  now: () => number
  log: Log
}

/** Credentials that a login gives. */
export interface Vpc extends Credentials {
  /** Sees to it that there is a key. @throws LoginFault where there is none to be had. */
  begin(): Promise<void>
}

interface Held extends Found {
  readonly authorization: string
  /** When it was found, in milliseconds since the epoch. */
  readonly at: number
}

// One that gives keys which are refused is asked for another no more often.
const PAUSE_MS = 10_000
// What is taken back is out of use everywhere within five seconds; one is for reading.
const KEPT_MS = 4000

/**
 * The key of a login with a shared secret (NEAR AI's VPC login): of memory, else of the database, else by a login. It
 * is stored there sealed, for restarts and for the other processes, and looked at again every four seconds, when it is
 * asked for. Where it is refused, what another process has stored meanwhile takes its place, else a new login does: one
 * at a time, and one in ten seconds. Where it was taken out of the database, as it is when it is revoked, whoever comes
 * first logs in.
 */
export function vpc({ at, send, store, fields, now, log }: Deps): Vpc {
  // Sealed under its name: the key of one address or client opens for no other.
  const kept = keptKey(`vpc ${at.clientId} ${at.baseUrl}`, { store, fields, now })
  const { stored, anew } = byLogin({ at, kept, send, now, log })
  let held: Held | undefined
  let changes = 0
  let renewedAt = Number.NEGATIVE_INFINITY

  function isWithin(ms: number, at: number): boolean {
    const age = now() - at
    return age >= 0 && age < ms
  }

  const isHeld = (authorization: string) => held?.authorization === authorization

  /** Holds what is found, unless another key or a revocation came upon it: it may be what was before. */
  async function hold(find: () => Promise<Found | undefined>): Promise<void> {
    const [before, at] = [changes, now()]
    const found = await find()
    if (!found || before !== changes) return
    const authorization = `Bearer ${found.key}`
    if (!isHeld(authorization)) changes++
    held = { ...found, authorization, at }
  }

  async function look(): Promise<Found> {
    const seen = await stored()
    if (seen?.key !== undefined) return { key: seen.key, isStored: true }
    const isRevoked = seen === undefined && held?.isStored
    return held && !isRevoked ? held : anew(seen, held?.key)
  }

  const looked = alone(async function begin(): Promise<string> {
    await hold(look)
    return held?.authorization ?? begin()
  })

  async function another(): Promise<Found | undefined> {
    const refused = held?.key
    const seen = await stored()
    if (seen?.key !== undefined && seen.key !== refused) return { key: seen.key, isStored: true }
    if (isWithin(PAUSE_MS, renewedAt)) return undefined
    renewedAt = now()
    return anew(seen, refused)
  }

  // Where it fails the log tells it.
  const renew = alone(() => hold(another).catch(() => undefined))

  const current = () => (held && isWithin(KEPT_MS, held.at) ? held.authorization : looked())

  return {
    current,
    renewed: async refused => {
      if (!isHeld(refused)) return true
      await renew()
      return !isHeld(refused)
    },
    revoke: async entry => {
      try {
        await store.atomically([kept.removed, entry])
      } finally {
        changes++
        held = undefined
      }
    },
    begin: async () => {
      try {
        await current()
      } catch (cause) {
        throw new LoginFault(`Cannot log in at ${at.baseUrl}: ${whyOf(cause)}`, { cause })
      }
    },
  }
}

/** One run at a time: who asks meanwhile shares the one under way. */
function alone<T>(run: () => Promise<T>): () => Promise<T> {
  let underWay: Promise<T> | undefined
  return () => {
    underWay ??= run().finally(() => {
      underWay = undefined
    })
    return underWay
  }
}

function whyOf(cause: unknown): string {
  if (cause instanceof LoginRefused)
    return `it answered with status ${cause.answered} and no key. Check VPC_SHARED_SECRET, VPC_CLIENT_ID, OPENAI_BASE_URL (with its /v1), and this machine's clock: 30 s off is too much.`
  const code = cause instanceof Problem ? cause.code : undefined
  if (code === 'upstream_malformed')
    return 'it answers otherwise than a login is answered. Check OPENAI_BASE_URL (with its /v1).'
  const how = code === 'upstream_timeout' ? 'does not answer in time' : 'cannot be reached, or speaks no HTTP'
  return `it ${how}. Check OPENAI_BASE_URL, and the way there.`
}
