import { faultOf, type Log } from '../protocol/log.ts'
import { Problem } from '../protocol/problem.ts'
import type { Fields } from '../store/fields.ts'
import type { Store } from '../store/store.ts'
import type { Credentials } from './backends.ts'
import type { Send } from './call.ts'
import { keptKey, type StoredKey } from './kept-key.ts'
import { LoginRefused, login, type Membership } from './login.ts'

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

// One that gives keys which are refused is asked for another no more often.
const PAUSE_MS = 10_000

/**
 * The key of a login with a shared secret (NEAR AI's VPC login): of memory, else of the database, else by a login. It
 * is stored there sealed, for restarts and for the other processes. Where it is refused, what another process has
 * stored meanwhile takes its place, else a new login does: one at a time, and one in ten seconds.
 */
export function vpc({ at, send, store, fields, now, log }: Deps): Vpc {
  // Sealed under its name: the key of one address or client opens for no other.
  const kept = keptKey(`vpc ${at.clientId} ${at.baseUrl}`, { store, fields, now })
  let held: string | undefined
  let beginning: Promise<string> | undefined
  let renewing: Promise<boolean> | undefined
  let renewedAt = Number.NEGATIVE_INFINITY

  const hold = (key: string) => {
    held = `Bearer ${key}`
    return held
  }

  const stored = (): Promise<StoredKey | undefined> => kept.find().catch(unkept)

  // Without the database the key is still good for this process.
  function unkept(error: unknown): undefined {
    log('warn', 'credentials_failed', { fault: faultOf(error) })
  }

  async function byLogin(seen: StoredKey | undefined): Promise<string> {
    const key = await login({ ...at, send, now }).catch(error => {
      log('error', 'vpc_login_failed', wordsOf(error))
      throw error
    })
    log('info', 'vpc_login')
    const isFirst = await kept.replace(seen, key).catch(unkept)
    // Of processes that logged in at once all take the same, so that what ends one ends all.
    const other = isFirst === false ? await stored() : undefined
    // What was refused may stand there still, where the database could not be asked what does.
    return hold(other?.key === undefined || `Bearer ${other.key}` === held ? key : other.key)
  }

  async function begin(): Promise<string> {
    const seen = await stored()
    return seen?.key === undefined ? byLogin(seen) : hold(seen.key)
  }

  async function renew(refused: string): Promise<boolean> {
    const seen = await stored()
    if (seen?.key !== undefined && `Bearer ${seen.key}` !== refused) return hold(seen.key) !== refused
    const age = now() - renewedAt
    if (age >= 0 && age < PAUSE_MS) return false
    renewedAt = now()
    return byLogin(seen).then(
      () => true,
      () => false,
    )
  }

  const current = () => {
    if (held !== undefined) return held
    beginning ??= begin().finally(() => {
      beginning = undefined
    })
    return beginning
  }

  return {
    current,
    renewed: async refused => {
      if (held !== refused) return true
      renewing ??= renew(refused).finally(() => {
        renewing = undefined
      })
      return renewing
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

function wordsOf(error: unknown) {
  if (error instanceof LoginRefused) return { status: error.answered }
  return error instanceof Problem ? { code: error.code } : { fault: faultOf(error) }
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
