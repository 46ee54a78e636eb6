import { sql } from 'drizzle-orm'
import type { Begun } from '../../gate/beginnings.ts'
import type { Sessions } from '../../gate/sessions.ts'
import { foldedEmail } from '../../protocol/email.ts'
import { type Fields, lookupHash } from '../../store/fields.ts'
import { late } from '../../store/late.ts'
import { users } from '../../store/schema.ts'
import type { Store } from '../../store/store.ts'

/** Who somebody is, by the word of whoever vouches for them. */
export interface Profile {
  readonly email: string
  readonly name: string | null
  readonly avatarUrl: string | null
}

/** A sign-in, and whether it is the first of its user. */
export interface SignedIn {
  readonly user: string
  readonly isNew: boolean
  readonly session: Begun
}

interface Deps {
  store: Store
  fields: Fields
  /** The key of the role `lookup`. */
  lookupKey: Uint8Array
  sessions: Sessions
  now: () => number
}

/**
 * Begins a session of the user with an e-mail address, whatever the case of its ASCII letters; makes the user where there is
 * none. What is known of an old one stays as it is.
 */
export function signIn({ store, fields, lookupKey, sessions, now }: Deps) {
  const { findOrMake } = late(() => ({ findOrMake: prepare(store) }))
  return async ({ email, name, avatarUrl }: Profile): Promise<SignedIn> => {
    const id = crypto.randomUUID()
    const sealed = (column: string, text: string | null) =>
      text === null ? null : fields.seal({ table: 'users', column, row: id }, text)
    const values = {
      id,
      email: sealed('email', email),
      emailHash: lookupHash(lookupKey, 'email', foldedEmail(email)),
      name: sealed('name', name),
      avatarUrl: sealed('avatar_url', avatarUrl),
      at: now(),
    }
    const [found] = await store.ask(() => findOrMake.execute(values))
    if (!found) throw new TypeError('a user was neither found nor made')
    const signIn = { user: found.id, isNew: found.id === id, method: 'mock', email, domain: null }
    return { ...signIn, session: await sessions.begin(signIn) }
  }
}

/** Of two that come first at the same time, one makes the user, and the other finds it. */
function prepare({ db }: Store) {
  const value = (name: string) => sql`${sql.placeholder(name)}`
  return (
    db
      .insert(users)
      .values({
        id: value('id'),
        email: value('email'),
        emailHash: value('emailHash'),
        name: value('name'),
        avatarUrl: value('avatarUrl'),
        createdAt: value('at'),
        updatedAt: value('at'),
      })
      // Changes nothing: but only a row that was written is returned.
      .onConflictDoUpdate({ target: users.emailHash, set: { updatedAt: sql`${users.updatedAt}` } })
      .returning({ id: users.id })
      .prepare()
  )
}
