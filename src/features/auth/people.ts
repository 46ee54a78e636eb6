import { and, eq, isNull, type SQL, sql } from 'drizzle-orm'
import { foldedEmail } from '../../protocol/email.ts'
import { type Fields, lookupHash } from '../../store/fields.ts'
import { linkedAccounts, users } from '../../store/schema.ts'
import type { Store } from '../../store/store.ts'
import type { Identity } from './provider.ts'

/** A user, and whether they are new here. */
export interface Met {
  readonly user: string
  readonly isNew: boolean
}

interface Deps {
  store: Store
  fields: Fields
  /** The key of the role `lookup`. */
  lookupKey: Uint8Array
  now: () => number
}

/**
 * Finds the user of an account: the one it is linked to; else the one of its proven address, to whom it is linked now; else
 * a new one. Whoever was known is refreshed by what the provider says, but an address that another user has is not taken.
 */
export function people(deps: Deps): (identity: Identity) => Promise<Met> {
  const { store } = deps
  const { find, link, linkByEmail, make, makeByEmail, refresh, moveProven, moveUnproven } = prepare(store)
  return async identity => {
    const values = valuesOf(identity, deps)
    const meet = async () => (await store.ask(() => find.execute(values)))[0]?.user
    const known = await meet()
    if (known !== undefined) {
      const place = valuesOf(identity, deps, known)
      const writes = [refresh, identity.isProven ? moveProven : moveUnproven]
      await store.atomically(writes.map(statement => ({ statement, values: place })))
      return { user: known, isNew: false }
    }
    const writes = identity.isProven ? [makeByEmail, linkByEmail] : [link, make]
    await store.atomically(writes.map(statement => ({ statement, values })))
    const user = await meet()
    if (user === undefined) throw new TypeError('an account was neither found nor linked')
    return { user, isNew: user === values.user }
  }
}

/** What a statement may need, sealed for a user: a new one unless told. */
function valuesOf(identity: Identity, { fields, lookupKey, now }: Deps, user: string = crypto.randomUUID()) {
  const id = crypto.randomUUID()
  const sealed = (column: string, text: string | null) =>
    text === null ? null : fields.seal({ table: 'users', column, row: user }, text)
  const account = JSON.stringify([identity.issuer, identity.subject])
  return {
    id,
    user,
    provider: identity.provider,
    account: fields.seal({ table: 'linked_accounts', column: 'account', row: id }, account),
    accountHash: lookupHash(lookupKey, 'account', account),
    email: sealed('email', identity.email),
    emailHash: identity.email === null ? null : lookupHash(lookupKey, 'email', foldedEmail(identity.email)),
    name: sealed('name', identity.name),
    avatarUrl: sealed('avatar_url', identity.avatarUrl),
    at: now(),
  }
}

const value = (name: string) => sql`${sql.placeholder(name)}`
const typed = (name: string, type: 'TEXT' | 'BIGINT') => sql`CAST(${value(name)} AS ${sql.raw(type)})`

function prepare({ db }: Store) {
  const [user, accountHash, emailHash] = [value('user'), value('accountHash'), value('emailHash')]
  const texts = { email: value('email'), name: value('name'), avatarUrl: value('avatarUrl') }
  const account = { provider: value('provider'), account: value('account'), accountHash, linkedAt: value('at') }
  const moved = { email: value('email'), updatedAt: value('at') }
  const sameHash = sql`SELECT 1 FROM ${users} WHERE ${users.emailHash} = ${emailHash}`
  const kept = (column: typeof users.name | typeof users.avatarUrl, name: string): SQL =>
    sql`coalesce(${typed(name, 'TEXT')}, ${column})`
  return {
    find: db
      .select({ user: linkedAccounts.userId })
      .from(linkedAccounts)
      .innerJoin(users, and(eq(users.id, linkedAccounts.userId), isNull(users.deletedAt)))
      .where(eq(linkedAccounts.accountHash, accountHash))
      .prepare(),
    /** Of two sign-ins of an account that is new, one makes the user. */
    makeByEmail: db
      .insert(users)
      .values({ id: user, ...texts, emailHash, createdAt: value('at'), updatedAt: value('at') })
      .onConflictDoNothing({ target: users.emailHash })
      .prepare(),
    linkByEmail: db
      .insert(linkedAccounts)
      .select(
        sql`SELECT ${typed('id', 'TEXT')}, ${users.id}, ${typed('provider', 'TEXT')}, ${typed('account', 'TEXT')}, ${typed('accountHash', 'TEXT')}, ${typed('at', 'BIGINT')} FROM ${users} WHERE ${users.emailHash} = ${emailHash}`,
      )
      .onConflictDoNothing({ target: linkedAccounts.accountHash })
      .prepare(),
    link: db
      .insert(linkedAccounts)
      .values({ id: value('id'), userId: user, ...account })
      .onConflictDoNothing({ target: linkedAccounts.accountHash })
      .prepare(),
    /** Only where the account became this user's: who has no proven address is found by the account alone. */
    make: db
      .insert(users)
      .select(
        sql`SELECT ${typed('user', 'TEXT')}, ${typed('email', 'TEXT')}, NULL, ${typed('name', 'TEXT')}, ${typed('avatarUrl', 'TEXT')}, ${typed('at', 'BIGINT')}, ${typed('at', 'BIGINT')}, NULL FROM ${linkedAccounts} WHERE ${linkedAccounts.accountHash} = ${accountHash} AND ${linkedAccounts.userId} = ${user}`,
      )
      .prepare(),
    refresh: db
      .update(users)
      .set({ name: kept(users.name, 'name'), avatarUrl: kept(users.avatarUrl, 'avatarUrl'), updatedAt: value('at') })
      .where(eq(users.id, user))
      .prepare(),
    moveProven: db
      .update(users)
      .set({ ...moved, emailHash })
      .where(and(eq(users.id, user), sql`NOT EXISTS (${sameHash})`))
      .prepare(),
    moveUnproven: db
      .update(users)
      .set(moved)
      .where(and(eq(users.id, user), isNull(users.emailHash)))
      .prepare(),
  }
}
