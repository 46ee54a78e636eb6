import { asc, eq, sql } from 'drizzle-orm'
import { foldedModel, type ModelRules, promptOf } from '../protocol/model-rules.ts'
import type { Fields } from '../store/fields.ts'
import { late } from '../store/late.ts'
import { models as table } from '../store/operators-schema.ts'
import type { Store, Write } from '../store/store.ts'
import { audit } from './audit.ts'
import { watched } from './watched.ts'

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
  /** Makes changes of an administrator's, and enters each in the list of what was changed: all or nothing. */
  change(changes: readonly Change[], admin: string): Promise<void>
  /** Forgets what is ruled about one, and enters that; whether there was anything. */
  forget(id: string, admin: string): Promise<boolean>
}

interface Deps {
  store: Store
  fields: Fields
  now: () => number
}

const IS_RULED = sql`EXISTS (SELECT 1 FROM ${table} WHERE ${table.id} = ${sql.placeholder('about')})`

/** Rules in the database, and a copy in memory. */
export function rules({ store, fields, now }: Deps): Rules {
  const statements = late(() => prepare(store))
  const { entered, enteredWhere } = audit({ store, fields, now })
  const enteredIfRuled = enteredWhere(IS_RULED)

  const placeOf = (row: string) => ({ table: 'models', column: 'system_prompt', row })
  const opened = (row: string, sealed: string | null) => (sealed === null ? null : fields.open(placeOf(row), sealed))

  async function list(): Promise<RuledModel[]> {
    const rows = await store.ask(() => statements.list.execute())
    return rows.map(row => ({ id: row.spelled, public: row.public === 1, prompt: opened(row.id, row.systemPrompt) }))
  }

  const { current, changing } = watched({ read: async () => inForce(await list()), now })

  /** A change, and its entry: that there is a prompt may be read for good, and no word of it. */
  function writesOf(change: Change, admin: string): Write[] {
    const [id, { prompt: given, public: ruled }] = [foldedModel(change.id), change]
    const prompt = given ? fields.seal(placeOf(id), given) : null
    const clears = Number(given !== undefined && prompt === null)
    const isPublic = ruled === undefined ? null : Number(ruled ?? true)
    const details = {
      ...(ruled !== undefined && { public: ruled }),
      ...(given !== undefined && { system_prompt: given ? 'set' : 'cleared' }),
    }
    const values = { id, spelled: change.id, public: isPublic, prompt, clears, at: now() }
    return [{ statement: statements.change, values }, entered({ admin, action: 'models.change', about: id, details })]
  }

  return {
    current,
    list,
    change: (changes, admin) => changing(() => store.atomically(changes.flatMap(change => writesOf(change, admin)))),
    forget: async (given, admin) => {
      const id = foldedModel(given)
      if ((await store.ask(() => statements.find.execute({ id }))).length === 0) return false
      const writes = [
        { statement: statements.hold, values: { id } },
        enteredIfRuled({ admin, action: 'models.forget', about: id, details: null }),
        { statement: statements.forget, values: { id } },
      ]
      await changing(() => store.atomically(writes))
      return true
    },
  }
}

function inForce(all: readonly RuledModel[]): ModelRules {
  return new Map(
    all.map(({ id, public: isPublic, prompt }) => {
      return [foldedModel(id), { public: isPublic, prompt: prompt === null ? undefined : promptOf(prompt) }]
    }),
  )
}

const value = (name: string) => sql`${sql.placeholder(name)}`

function prepare({ db }: Store) {
  const isPublic = sql`CAST(${value('public')} AS BIGINT)`
  const prompt = sql`CAST(${value('prompt')} AS TEXT)`
  const clears = sql`CAST(${value('clears')} AS BIGINT)`
  const isIt = eq(table.id, value('id'))
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
    find: db.select({ id: table.id }).from(table).where(isIt).prepare(),
    /** Changes nothing, and holds the row until the transaction ends: of two that forget it, one finds it. */
    hold: db
      .update(table)
      .set({ updatedAt: sql`${table.updatedAt}` })
      .where(isIt)
      .prepare(),
    forget: db.delete(table).where(isIt).prepare(),
  }
}
