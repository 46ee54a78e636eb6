import { and, eq, isNull, type SQL, sql } from 'drizzle-orm'
import { foldedEmail } from '../../protocol/email.ts'
import { type Fields, lookupHash } from '../../store/fields.ts'
import { late } from '../../store/late.ts'
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
  const { store, lookupKey } = deps
  const { find, link, linkByEmail, make, makeByEmail, refresh, moveProven, moveUnproven } = late(() => prepare(store))
  return async identity => {
    const account = JSON.stringify([identity.issuer, identity.subject])
    const accountHash = lookupHash(lookupKey, 'account', account)
    const meet = async () => (await store.ask(() => find.execute({ accountHash })))[0]?.user
    let user = await meet()
    if (user === undefined) {
      const profile = profileOf(identity, crypto.randomUUID(), deps)
      const writes = profile.emailHash === null ? [link, make] : [makeByEmail, linkByEmail]
      const values = { ...profile, ...linkTo(account, identity, deps), accountHash }
      await store.atomically(writes.map(statement => ({ statement, values })))
      user = await meet()
      if (user === profile.user) return { user, isNew: true }
    }
    if (user === undefined) throw new TypeError('an account was neither found nor linked')
    const values = profileOf(identity, user, deps)
    const writes = [refresh, values.emailHash === null ? moveUnproven : moveProven]
    await store.atomically(writes.map(statement => ({ statement, values })))
    return { user, isNew: false }
  }
}

/** What is kept of somebody, sealed for their user; a hash to find them by only of an address that is proven. */
function profileOf({ email, isProven, name, avatarUrl }: Identity, user: string, { fields, lookupKey, now }: Deps) {
  const sealed = (column: string, text: string | null) =>
    text === null ? null : fields.seal({ table: 'users', column, row: user }, text)
  return {
    user,
    email: sealed('email', email),
    emailHash: isProven && email !== null ? lookupHash(lookupKey, 'email', foldedEmail(email)) : null,
    name: sealed('name', name),
    avatarUrl: sealed('avatar_url', avatarUrl),
    at: now(),
  }
}

function linkTo(account: string, { provider }: Identity, { fields }: Deps) {
  const id = crypto.randomUUID()
  return { id, provider, account: fields.seal({ table: 'linked_accounts', column: 'account', row: id }, account) }
}

const value = (name: string) => sql`${sql.placeholder(name)}`
const typed = (name: string, type: 'TEXT' | 'BIGINT') => sql`CAST(${value(name)} AS ${sql.raw(type)})`

function prepare({ db }: Store) {
  const [user, accountHash, emailHash] = [value('user'), value('accountHash'), value('emailHash')]
  const texts = { email: value('email'), name: value('name'), avatarUrl: value('avatarUrl') }
  const account = {
    id: value('id'),
    provider: value('provider'),
    account: value('account'),
    accountHash,
    linkedAt: value('at'),
  }
  const isOthers = sql`SELECT 1 FROM ${users} WHERE ${users.emailHash} = ${emailHash} AND ${users.id} <> ${user}`
  const told = (name: keyof typeof texts): SQL => sql`coalesce(${typed(name, 'TEXT')}, ${users[name]})`
  // Whoever is being deleted meanwhile stays nameless, and their address free.
  const isThere = and(eq(users.id, user), isNull(users.deletedAt))
  return {
    // Whoever is deleted has no account from the same moment on.
    find: db
      .select({ user: linkedAccounts.userId })
      .from(linkedAccounts)
      .where(eq(linkedAccounts.accountHash, accountHash))
      .prepare(),
    // Of two that come first at the same time, one makes the user. Of one who was there nothing is changed, but the row is
    // locked until the account is linked: a deletion comes before both, or behind them and takes the link away.
    makeByEmail: db
      .insert(users)
      .values({ id: user, ...texts, emailHash, createdAt: value('at'), updatedAt: value('at') })
      .onConflictDoUpdate({ target: users.emailHash, set: { updatedAt: sql`${users.updatedAt}` } })
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
      .values({ ...account, userId: user })
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
      .set({ name: told('name'), avatarUrl: told('avatarUrl'), updatedAt: value('at') })
      .where(isThere)
      .prepare(),
    moveProven: db
      .update(users)
      .set({ email: value('email'), emailHash })
      .where(and(isThere, sql`NOT EXISTS (${isOthers})`))
      .prepare(),
    moveUnproven: db
      .update(users)
      .set({ email: told('email') })
      .where(and(isThere, isNull(users.emailHash)))
      .prepare(),
  }
}
