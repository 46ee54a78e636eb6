import { eq, type SQL, sql } from 'drizzle-orm'
import type { Fields } from '../store/fields.ts'
import { late } from '../store/late.ts'
import { keptSecrets } from '../store/schema.ts'
import type { Store, Write } from '../store/store.ts'

/** A key in the database, and what it stands there as. */
export interface StoredKey {
  /** `undefined` where what is stored does not open. */
  readonly key: string | undefined
  readonly sealed: string
}

/** A key that was given to us, sealed in the database under a name. */
export interface KeptKey {
  /** @throws Problem `database_unavailable` */
  find(): Promise<StoredKey | undefined>
  /** Stores a key in the place of what was seen there; `false`, and nothing is stored, where another came first. @throws Problem `database_unavailable` */
  replace(seen: StoredKey | undefined, key: string): Promise<boolean>
  /** The write that takes it out of the database. */
  readonly removed: Write
}

interface Deps {
  store: Store
  fields: Fields
  now: () => number
}

/** Keeps a key by its name: under another name it does not open. */
export function keptKey(name: string, { store, fields, now }: Deps): KeptKey {
  const place = { table: 'kept_secrets', column: 'value', row: name }
  const { find, replace, remove } = late(() => statements(store))

  function opened(sealed: string): string | undefined {
    try {
      return fields.open(place, sealed)
    } catch {
      // Damaged: whoever asks gets a new one, and stores it here.
      return undefined
    }
  }

  return {
    find: async () => {
      const [row] = await store.ask(() => find.execute({ name }))
      return row && { key: opened(row.value), sealed: row.value }
    },
    replace: async (seen, key) => {
      const values = { name, value: fields.seal(place, key), at: now(), seen: seen?.sealed ?? '' }
      return (await store.ask(() => replace.execute(values))).length > 0
    },
    removed: { statement: remove, values: { name } },
  }
}

function statements({ db }: Store) {
  const [name, value, at] = ['name', 'value', 'at'].map(name => sql`${sql.placeholder(name)}`) as [SQL, SQL, SQL]
  return {
    find: db.select({ value: keptSecrets.value }).from(keptSecrets).where(eq(keptSecrets.name, name)).prepare(),
    /** One row if it was stored. */
    replace: db
      .insert(keptSecrets)
      .values({ name, value, updatedAt: at })
      .onConflictDoUpdate({
        target: keptSecrets.name,
        set: { value, updatedAt: at },
        setWhere: eq(keptSecrets.value, sql.placeholder('seen')),
      })
      .returning({ name: keptSecrets.name })
      .prepare(),
    remove: db.delete(keptSecrets).where(eq(keptSecrets.name, name)).prepare(),
  }
}
