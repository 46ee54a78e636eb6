import { eq, sql } from 'drizzle-orm'
import type { Fields } from '../store/fields.ts'
import { late } from '../store/late.ts'
import { configs as table } from '../store/operators-schema.ts'
import type { Store, Write } from '../store/store.ts'
import { audit } from './audit.ts'
import { watched } from './watched.ts'

const NAMES = ['default_model'] as const

/** What an operator tells front ends, by its names on the wire. Nothing of it steers the gateway. */
export type Config = { readonly [name in (typeof NAMES)[number]]?: string }

/** What is to be changed; `null` takes back what was told, and what is left out stays. */
export type ConfigChange = { readonly [name in keyof Config]: string | null | undefined }

/** What an operator tells front ends, and changes while it runs. Each method throws Problem `database_unavailable`. */
export interface Configs {
  /** What is told; at once unless it was read more than four seconds ago. */
  current(): Config | Promise<Config>
  /** Makes a change of an administrator's, and enters it in the list of what was changed: both or neither. */
  change(change: ConfigChange, admin: string): Promise<void>
}

interface Deps {
  store: Store
  fields: Fields
  now: () => number
}

/** Rows in the database, one for each name, and a copy in memory. */
export function configs({ store, fields, now }: Deps): Configs {
  const { list, put, remove } = late(() => prepare(store))
  const { entered } = audit({ store, fields, now })

  async function read(): Promise<Config> {
    const rows = await store.ask(() => list.execute())
    return Object.fromEntries(
      NAMES.flatMap(name => {
        const row = rows.find(row => row.name === name)
        return row ? [[name, JSON.parse(row.value)]] : []
      }),
    )
  }

  const { current, changing } = watched({ read, now })

  return {
    current,
    change: async (change, admin) => {
      const given = NAMES.flatMap(name => (change[name] === undefined ? [] : [{ name, value: change[name] }]))
      if (given.length === 0) return
      const writes = given.map(({ name, value }): Write => {
        if (value === null) return { statement: remove, values: { name } }
        return { statement: put, values: { name, value: JSON.stringify(value), at: now() } }
      })
      const details = Object.fromEntries(given.map(({ name, value }) => [name, value]))
      const entry = entered({ admin, action: 'configs.change', about: null, details })
      await changing(() => store.atomically([...writes, entry]))
    },
  }
}

const value = (name: string) => sql`${sql.placeholder(name)}`

function prepare({ db }: Store) {
  const row = { value: value('value'), updatedAt: value('at') }
  return {
    list: db.select({ name: table.name, value: table.value }).from(table).prepare(),
    put: db
      .insert(table)
      .values({ name: value('name'), ...row })
      .onConflictDoUpdate({ target: table.name, set: row })
      .prepare(),
    remove: db
      .delete(table)
      .where(eq(table.name, value('name')))
      .prepare(),
  }
}
