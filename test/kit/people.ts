import { fields, lookupHash } from '../../src/store/fields.ts'
import type { Keys } from '../../src/store/keys.ts'
import { apiKeys, userSettings, users } from '../../src/store/schema.ts'
import type { Store, Write } from '../../src/store/store.ts'

/** Users who each have settings and a key, as the gateway stores them; every second one has a name. */
export async function people({ db, atomically }: Store, keys: Keys, count: number): Promise<void> {
  const { seal } = fields(keys.fields)
  const writes = Array.from({ length: count }, (_, at): Write[] => {
    const [id, email] = [idOf(at), emailOf(at)]
    const of = (table: string, column: string, text: string) => seal({ table, column, row: id }, text)
    const name = at % 2 === 0 ? of('users', 'name', `Person ${at}`) : null
    const emailHash = lookupHash(keys.lookup, 'email', email.toLowerCase())
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
    same(of('users', 'email', email ?? ''), emailOf(at))
    same(emailHash, lookupHash(keys.lookup, 'email', emailOf(at).toLowerCase()))
    if (name !== null) same(of('users', 'name', name), `Person ${at}`)
    same(name === null, at % 2 === 1)
  }
  for (const { userId: row, content, updatedAt: at } of await db.select().from(userSettings).prepare().execute())
    same(open({ table: 'user_settings', column: 'content', row }, content), contentOf(at))
  for (const { id: row, name } of await db.select().from(apiKeys).prepare().execute())
    same(open({ table: 'api_keys', column: 'name', row }, name), 'laptop')
  return rows.length
}

const idOf = (at: number) => `00000000-0000-4000-8000-${String((at * 7919) % 1_000_000).padStart(12, '0')}`
const emailOf = (at: number) => `Person.${at}@Example.com`
const contentOf = (at: number) => JSON.stringify({ system_prompt: `Call me ${at}.` })

function same(found: unknown, expected: unknown): void {
  if (found !== expected) throw new Error(`found ${String(found)} in place of ${String(expected)}`)
}
