import { fields, lookupHash } from '../../src/store/fields.ts'
import type { Keys } from '../../src/store/keys.ts'
import {
  apiKeys,
  files,
  keptSecrets,
  linkedAccounts,
  sessions,
  signIns,
  userSettings,
  users,
} from '../../src/store/schema.ts'
import type { Store, Write } from '../../src/store/store.ts'

/**
 * Users who each have settings, a key, an account, a session, a file and a sign-in under way, as the gateway stores them, and as
 * many kept secrets; every second user has a name, and every third one has not proven their address.
 */
export async function people({ db, atomically }: Store, keys: Keys, count: number): Promise<void> {
  const { seal } = fields(keys.fields)
  const writes = Array.from({ length: count }, (_, at): Write[] => {
    const [id, email] = [idOf(at), emailOf(at)]
    const of = (table: string, column: string, text: string) => seal({ table, column, row: id }, text)
    const name = at % 2 === 0 ? of('users', 'name', `Person ${at}`) : null
    const emailHash = isProven(at) ? lookupHash(keys.lookup, 'email', email.toLowerCase()) : null
    const inserts = [
      db.insert(users).values({ id, email: of('users', 'email', email), emailHash, name, createdAt: 1, updatedAt: at }),
      db
        .insert(userSettings)
        .values({ userId: id, content: of('user_settings', 'content', contentOf(at)), updatedAt: at }),
      db.insert(apiKeys).values({
        id,
        userId: id,
        keyHash: id,
        prefix: 'sk-sg-',
        name: of('api_keys', 'name', 'laptop'),
        createdAt: 1,
      }),
      db.insert(linkedAccounts).values({
        ...{ id, userId: id, provider: 'google', linkedAt: at },
        account: of('linked_accounts', 'account', accountOf(at)),
        accountHash: lookupHash(keys.lookup, 'account', accountOf(at)),
      }),
      db.insert(sessions).values({
        ...{ id, userId: id, tokenHash: id, createdAt: 1, renewedAt: 1, expiresAt: 1 },
        // Of the first ones nothing was kept.
        proof: at % 2 === 0 ? of('sessions', 'proof', email) : null,
      }),
      db.insert(signIns).values({
        ...{ stateHash: id, browserHash: id, provider: 'google', expiresAt: 1 },
        content: of('sign_ins', 'content', email),
      }),
      db.insert(files).values({
        ...{ id, owner: id, bytes: at, createdAt: 1, purpose: '"user_data"' },
        filename: of('files', 'filename', email),
      }),
      db.insert(keptSecrets).values({ name: id, value: of('kept_secrets', 'value', email), updatedAt: at }),
    ]
    return inserts.map(insert => ({ statement: insert.prepare(), values: {} }))
  })
  await atomically(writes.flat())
}

/** How many people a database holds, each opened and found by e-mail; throws where one is not as it was stored. */
export async function peopleIn({ db }: Store, keys: Keys): Promise<number> {
  const { open } = fields(keys.fields)
  const rows = await db.select().from(users).prepare().execute()
  for (const { id, email, emailHash, name, updatedAt: at } of rows) {
    const of = (table: string, column: string, sealed: string) => open({ table, column, row: id }, sealed)
    same(id, idOf(at))
    same(of('users', 'email', email ?? 'none'), emailOf(at))
    same(emailHash, isProven(at) ? lookupHash(keys.lookup, 'email', emailOf(at).toLowerCase()) : null)
    if (name !== null) same(of('users', 'name', name), `Person ${at}`)
    same(name === null, at % 2 === 1)
  }
  for (const { userId: row, content, updatedAt: at } of await db.select().from(userSettings).prepare().execute())
    same(open({ table: 'user_settings', column: 'content', row }, content), contentOf(at))
  for (const { id: row, name } of await db.select().from(apiKeys).prepare().execute())
    same(open({ table: 'api_keys', column: 'name', row }, name), 'laptop')
  const emails = new Map(rows.map(({ id, updatedAt }) => [id, emailOf(updatedAt)]))
  for (const { id: row, account, accountHash, linkedAt: at } of await db
    .select()
    .from(linkedAccounts)
    .prepare()
    .execute()) {
    same(open({ table: 'linked_accounts', column: 'account', row }, account), accountOf(at))
    same(accountHash, lookupHash(keys.lookup, 'account', accountOf(at)))
  }
  for (const { id: row, proof } of await db.select().from(sessions).prepare().execute())
    if (proof !== null) same(open({ table: 'sessions', column: 'proof', row }, proof), emails.get(row))
  for (const { stateHash: row, content } of await db.select().from(signIns).prepare().execute())
    same(open({ table: 'sign_ins', column: 'content', row }, content), emails.get(row))
  for (const { id: row, filename } of await db.select().from(files).prepare().execute())
    same(open({ table: 'files', column: 'filename', row }, filename), emails.get(row))
  for (const { name: row, value } of await db.select().from(keptSecrets).prepare().execute())
    same(open({ table: 'kept_secrets', column: 'value', row }, value), emails.get(row))
  return rows.length
}

const idOf = (at: number) => `00000000-0000-4000-8000-${String((at * 7919) % 1_000_000).padStart(12, '0')}`
const emailOf = (at: number) => `Person.${at}@Example.com`
const isProven = (at: number) => at % 3 !== 2
const accountOf = (at: number) => JSON.stringify(['https://accounts.google.com', String(at)])
const contentOf = (at: number) => JSON.stringify({ system_prompt: `Call me ${at}.` })

function same(found: unknown, expected: unknown): void {
  if (found !== expected) throw new Error(`found ${String(found)} in place of ${String(expected)}`)
}
