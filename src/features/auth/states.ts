import { and, eq, gt, lte, sql } from 'drizzle-orm'
import { digestOf } from '../../protocol/credentials.ts'
import type { Fields } from '../../store/fields.ts'
import { late } from '../../store/late.ts'
import { signIns } from '../../store/schema.ts'
import type { Store } from '../../store/store.ts'
import { SIGN_IN_MS } from './browser.ts'
import type { Attempt } from './provider.ts'

/** A sign-in that is under way at a provider. */
export interface UnderWay {
  /** The provider's id. */
  readonly provider: string
  readonly attempt: Attempt
  /** The frontend where it ends. */
  readonly callback: string
  /** What the frontend's verifier must fit (RFC 7636); `null` where it is told its session without one. */
  readonly challenge: string | null
}

/** Sign-ins under way, each of one browser. Each method throws Problem `database_unavailable`. */
export interface States {
  begin(signIn: UnderWay, browser: string): Promise<void>
  /** Gives the one of a state, once and within ten minutes, to the browser that began it; to no other it is there. */
  take(state: string, browser: string): Promise<UnderWay | undefined>
  /** Deletes those that took too long. */
  sweep(): Promise<void>
}

interface Deps {
  store: Store
  fields: Fields
  now: () => number
}

/** Keeps states and browsers as SHA-256, and the rest sealed: of what is in the database none can be finished. */
export function states({ store, fields, now }: Deps): States {
  const { insert, take, sweep } = late(() => prepare(store))
  const placeOf = (row: string) => ({ table: 'sign_ins', column: 'content', row })

  return {
    begin: async ({ provider, attempt: { state, ...secrets }, callback, challenge }, browser) => {
      const stateHash = digestOf(state)
      const content = fields.seal(placeOf(stateHash), JSON.stringify({ ...secrets, callback, challenge }))
      const values = { stateHash, browserHash: digestOf(browser), provider, content }
      await store.ask(() => insert.execute({ ...values, expiresAt: now() + SIGN_IN_MS }))
    },
    take: async (state, browser) => {
      const stateHash = digestOf(state)
      const values = { stateHash, browserHash: digestOf(browser) }
      const [row] = await store.ask(() => take.execute({ ...values, at: now() }))
      if (!row) return undefined
      const { verifier, nonce, callback, challenge } = JSON.parse(fields.open(placeOf(stateHash), row.content))
      return { provider: row.provider, attempt: { state, verifier, nonce }, callback, challenge }
    },
    sweep: async () => {
      await store.ask(() => sweep.execute({ at: now() }))
    },
  }
}

const value = (name: string) => sql`${sql.placeholder(name)}`

function prepare({ db }: Store) {
  const [stateHash, browserHash, at] = [value('stateHash'), value('browserHash'), value('at')]
  return {
    insert: db
      .insert(signIns)
      .values({
        ...{ stateHash, browserHash, provider: value('provider') },
        ...{ content: value('content'), expiresAt: value('expiresAt') },
      })
      .prepare(),
    /** Of several that bring the same, one finds it. */
    take: db
      .delete(signIns)
      .where(and(eq(signIns.stateHash, stateHash), eq(signIns.browserHash, browserHash), gt(signIns.expiresAt, at)))
      .returning({ provider: signIns.provider, content: signIns.content })
      .prepare(),
    sweep: db.delete(signIns).where(lte(signIns.expiresAt, at)).prepare(),
  }
}
