import { faultOf, type Log } from '../protocol/log.ts'
import { Problem } from '../protocol/problem.ts'
import type { Send } from './call.ts'
import type { KeptKey, StoredKey } from './kept-key.ts'
import { LoginRefused, login, type Membership } from './login.ts'

/** A key, and whether it is known to stand in the database: where it does not, nobody can take it back there. */
export interface Found {
  readonly key: string
  readonly isStored: boolean
}

/** A key of memory no more: that of the database, and a new one. */
export interface ByLogin {
  /** What is stored; `null` where the database does not say. Never throws. */
  stored(): Promise<StoredKey | undefined | null>
  /**
   * Logs in, and stores the key in the place of what was seen there, or of the one that is held.
   * @throws LoginRefused, or Problem `upstream_…`
   */
  anew(seen: StoredKey | undefined | null, held: string | undefined): Promise<Found>
}

interface Deps {
  at: Membership
  kept: KeptKey
  send: Send
  now: () => number
  log: Log
}

/** Keys by logins, of which the log tells. */
export function byLogin({ at, kept, send, now, log }: Deps): ByLogin {
  const stored: ByLogin['stored'] = () => kept.find().catch(unkept)

  // Without the database the key is still good for this process.
  function unkept(error: unknown): null {
    log('warn', 'credentials_failed', { fault: faultOf(error) })
    return null
  }

  async function storing(seen: StoredKey | undefined, key: string, held: string | undefined): Promise<Found> {
    const isFirst = await kept.replace(seen, key).catch(unkept)
    if (isFirst !== false) return { key, isStored: isFirst === true }
    // Of processes that logged in at once all take the same, so that what ends one ends all.
    const other = await stored()
    if (other === null) return { key, isStored: false }
    // What was refused may stand there still, where the database could not be asked what does.
    if (other?.key === undefined || other.key === held) return storing(other, key, held)
    return { key: other.key, isStored: true }
  }

  return {
    stored,
    anew: async (seen, held) => {
      const key = await login({ ...at, send, now }).catch(error => {
        log('error', 'vpc_login_failed', wordsOf(error))
        throw error
      })
      log('info', 'vpc_login')
      return storing(seen ?? undefined, key, held)
    },
  }
}

function wordsOf(error: unknown) {
  if (error instanceof LoginRefused) return { status: error.answered }
  return error instanceof Problem ? { code: error.code } : { fault: faultOf(error) }
}
