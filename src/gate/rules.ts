import { asc, eq, sql } from 'drizzle-orm'
import { foldedModel, type ModelRules, promptOf } from '../protocol/model-rules.ts'
import type { Fields } from '../store/fields.ts'
import { models as table } from '../store/operators-schema.ts'
import type { Store } from '../store/store.ts'

/** A model that has rules. */
export interface RuledModel {
  /** As it was given. */
  readonly id: string
  readonly public: boolean
  readonly prompt: string | null
}

/** What is to be changed; `null` takes back what was ruled, and what is left out stays. */
export interface Change {
  readonly id: string
  readonly public?: boolean | null | undefined
  readonly prompt?: string | null | undefined
}

/** What an operator rules about models. Each method throws Problem `database_unavailable`. */
export interface Rules {
  /** Those in force; at once unless they were read more than four seconds ago. */
  current(): ModelRules | Promise<ModelRules>
  /** All, by their ids. */
  list(): Promise<RuledModel[]>
  /** Makes changes, all or none. */
  change(changes: readonly Change[]): Promise<void>
  /** Forgets what is ruled about one; whether there was anything. */
  forget(id: string): Promise<boolean>
}

interface Deps {
  store: Store
  fields: Fields
  now: () => number
}

// A change is in force everywhere within five seconds; one is for reading.
const KEPT_MS = 4000

/** Rules in the database, and a copy in memory that is read anew every four seconds, when it is asked for. */
export function rules({ store, fields, now }: Deps): Rules {
  const statements = prepare(store)
  let known: { rules: ModelRules; at: number } | undefined
  let reading: Promise<ModelRules> | undefined

  const placeOf = (row: string) => ({ table: 'models', column: 'system_prompt', row })
  const opened = (row: string, sealed: string | null) => (sealed === null ? null : fields.open(placeOf(row), sealed))

  async function list(): Promise<RuledModel[]> {
    const rows = await store.ask(() => statements.list.execute())
    return rows.map(row => ({ id: row.spelled, public: row.public === 1, prompt: opened(row.id, row.systemPrompt) }))
  }

  function read(): Promise<ModelRules> {
    const at = now()
    const begun = list()
      .then(all => {
        const rules = new Map(
          all.map(({ id, public: isPublic, prompt }) => {
            return [foldedModel(id), { public: isPublic, prompt: prompt === null ? undefined : promptOf(prompt) }]
          }),
        )
        // One that a change came upon may hold what was before it.
        if (reading === begun) known = { rules, at }
        return rules
      })
      .finally(() => {
        if (reading === begun) reading = undefined
      })
    return begun
  }

  function drop(): void {
    known = undefined
    reading = undefined
  }

  function writeOf(change: Change) {
    const id = foldedModel(change.id)
    const prompt = change.prompt ? fields.seal(placeOf(id), change.prompt) : null
    const clears = Number(change.prompt !== undefined && prompt === null)
    const isPublic = change.public === undefined ? null : Number(change.public ?? true)
    const values = { id, spelled: change.id, public: isPublic, prompt, clears, at: now() }
    return { statement: statements.change, values }
  }

  return {
    current: () => {
      const age = known ? now() - known.at : -1
      if (known && age >= 0 && age < KEPT_MS) return known.rules
      reading ??= read()
      return reading
    },
    list,
    change: async changes => {
      try {
        await store.atomically(changes.map(writeOf))
      } finally {
        drop()
      }
    },
    forget: async id => {
      try {
        return (await store.ask(() => statements.forget.execute({ id: foldedModel(id) }))).length > 0
      } finally {
        drop()
      }
    },
  }
}

const value = (name: string) => sql`${sql.placeholder(name)}`

function prepare({ db }: Store) {
  const isPublic = sql`CAST(${value('public')} AS BIGINT)`
  const prompt = sql`CAST(${value('prompt')} AS TEXT)`
  const clears = sql`CAST(${value('clears')} AS BIGINT)`
  const row = { id: value('id'), spelled: value('spelled'), updatedAt: value('at') }
  return {
    list: db
      .select({ id: table.id, spelled: table.spelled, public: table.public, systemPrompt: table.systemPrompt })
      .from(table)
      .orderBy(asc(table.id))
      .prepare(),
    change: db
      .insert(table)
      .values({ ...row, public: sql`coalesce(${isPublic}, 1)`, systemPrompt: prompt })
      .onConflictDoUpdate({
        target: table.id,
        set: {
          spelled: row.spelled,
          public: sql`coalesce(${isPublic}, ${table.public})`,
          systemPrompt: sql`CASE WHEN ${clears} = 1 THEN NULL ELSE coalesce(${prompt}, ${table.systemPrompt}) END`,
          updatedAt: row.updatedAt,
        },
      })
      .prepare(),
    forget: db
      .delete(table)
      .where(eq(table.id, value('id')))
      .returning({ id: table.id })
      .prepare(),
  }
}
