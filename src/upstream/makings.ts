import { randomBytes } from 'node:crypto'
import { and, eq, lte, sql } from 'drizzle-orm'
import type { Kind } from '../protocol/reference-names.ts'
import { late } from '../store/late.ts'
import { activity, belongings, makings as table } from '../store/schema.ts'
import type { Store, Write } from '../store/store.ts'

/** What a backend is asked to make. */
interface Wanted {
  readonly kind: Kind
  /** The id of what is being cloned. */
  readonly source: string | null
  /** Under which the backend makes it once, however often it is asked. */
  readonly idempotencyKey: string
}

/** One of these, written down. */
export interface Making extends Wanted {
  readonly id: string
}

/** One that nobody saw the end of: whoever began it was killed, or does not know what became of it. */
export interface Abandoned extends Making {
  readonly tries: number
}

/** What is being made at a backend while its id is not known. Each method throws Problem `database_unavailable`. */
export interface Makings {
  /** Writes down what is about to be asked. For a minute, and `withinMs`, it is nobody's business but its beginner's. */
  begin(wanted: Wanted, withinMs: number): Promise<Making>
  /** For a minute from now, unless it was taken up already. */
  renew(making: Making): Promise<void>
  /**
   * Ends a making, and gives its owner what came of it, and them alone: what is somebody's stays theirs. Where the making
   * was taken up by {@link Makings.take} meanwhile, the thing is nobody's, and will be deleted. What is to be written
   * `beside` that is, all or nothing, once the owner's row stands.
   */
  own(making: Making, made: { id: string; owner: string }, beside?: readonly Write[]): Promise<void>
  /** Whose the thing of that id is now; `null` where it is nobody's. */
  ownerOf(making: Making, id: string): Promise<string | null>
  /** Ends one that came to nothing. */
  drop(making: Making): Promise<void>
  /** Some of those that are due, the longest due first. */
  due(): Promise<readonly Abandoned[]>
  /** Takes one up until some later time; whether nobody else did just now. */
  take(abandoned: Abandoned, until: number): Promise<boolean>
  /** Ends a making; what came of it is nobody's, and will be deleted, unless it is somebody's already. */
  disown(making: Making, id: string): Promise<void>
}

interface Deps {
  store: Store
  now: () => number
}

/** Milliseconds after which a making is taken up: longer than its beginner waits for the backend. */
const DUE_MS = 60_000
const MOST_AT_ONCE = 100

const ACTS: Readonly<Record<Kind, string>> = { conversation: 'conversation', response: 'response', file: 'file_upload' }

/** Things in the making, in the database. */
export function makings({ store, now }: Deps): Makings {
  const { begin, renew, hold, give, note, drop, ownerOf, due, take, disown } = late(() => prepare(store))
  return {
    begin: async (wanted, withinMs) => {
      const making = { id: randomBytes(16).toString('hex'), ...wanted }
      await store.ask(() => begin.execute({ ...making, dueAt: now() + withinMs + DUE_MS }))
      return making
    },
    renew: async ({ id: making }) => {
      await store.ask(() => renew.execute({ making, dueAt: now() + DUE_MS }))
    },
    own: async ({ id: making, kind }, { id, owner }, beside = []) => {
      const act = { act: ACTS[kind], actId: randomBytes(8).toString('hex') }
      const values = { making, kind, id, owner, at: now(), ...act }
      const writes = (...statements: Write['statement'][]) => statements.map(statement => ({ statement, values }))
      await store.atomically([...writes(hold, note, give), ...beside, ...writes(drop)])
    },
    ownerOf: async ({ kind }, id) => (await store.ask(() => ownerOf.execute({ kind, id })))[0]?.owner ?? null,
    drop: async ({ id: making }) => {
      await store.ask(() => drop.execute({ making }))
    },
    due: () => store.ask(() => due.execute({ at: now() })),
    take: async ({ id: making, tries }, until) =>
      (await store.ask(() => take.execute({ making, tries, until }))).length > 0,
    disown: ({ id: making, kind }, id) =>
      store.atomically([drop, disown].map(statement => ({ statement, values: { making, kind, id, at: now() } }))),
  }
}

const value = (name: string) => sql`${sql.placeholder(name)}`
// Not every engine infers the type of a parameter in a SELECT.
const text = (name: string) => sql`CAST(${value(name)} AS TEXT)`
const whole = (name: string) => sql`CAST(${value(name)} AS BIGINT)`

function prepare({ db }: Store) {
  const isIt = eq(table.id, value('making'))
  const isBegun = sql`EXISTS (SELECT 1 FROM ${table} WHERE ${table.id} = ${value('making')} AND ${table.tries} = 0)`
  const thing = { kind: value('kind'), id: value('id') }
  const isIts = and(eq(belongings.kind, thing.kind), eq(belongings.id, thing.id))
  return {
    begin: db
      .insert(table)
      .values({
        ...{ id: value('id'), kind: value('kind'), source: value('source') },
        ...{ idempotencyKey: value('idempotencyKey'), dueAt: value('dueAt') },
      })
      .prepare(),
    renew: db
      .update(table)
      .set({ dueAt: value('dueAt') })
      .where(and(isIt, eq(table.tries, 0)))
      .prepare(),
    /** Changes nothing, and holds the row until the transaction ends: who takes it up does so before, or never. */
    hold: db
      .update(table)
      .set({ tries: sql`${table.tries}` })
      .where(isIt)
      .prepare(),
    give: db
      .insert(belongings)
      .select(
        sql`SELECT ${text('kind')}, ${text('id')}, CASE WHEN ${isBegun} THEN ${text('owner')} END,
          ${whole('at')}, ${whole('at')}, CAST(0 AS BIGINT), CAST(0 AS BIGINT) WHERE true`,
      )
      .onConflictDoNothing()
      .prepare(),
    /** Before it is given: what was answered once more, under a key of the client's, was noted the first time. */
    note: db
      .insert(activity)
      .select(
        sql`SELECT ${text('owner')}, ${whole('at')}, ${text('actId')}, ${text('act')}, CAST(NULL AS TEXT), ${text('id')}
          WHERE ${isBegun} AND NOT EXISTS (SELECT 1 FROM ${belongings} WHERE ${isIts})`,
      )
      .prepare(),
    drop: db.delete(table).where(isIt).prepare(),
    ownerOf: db.select({ owner: belongings.owner }).from(belongings).where(isIts).prepare(),
    due: db
      .select()
      .from(table)
      .where(lte(table.dueAt, value('at')))
      .orderBy(table.dueAt)
      .limit(MOST_AT_ONCE)
      .prepare(),
    take: db
      .update(table)
      .set({ tries: sql`${table.tries} + 1`, dueAt: value('until') })
      .where(and(isIt, eq(table.tries, value('tries'))))
      .returning({ id: table.id })
      .prepare(),
    disown: db
      .insert(belongings)
      .values({ ...thing, createdAt: value('at'), usedAt: value('at') })
      .onConflictDoNothing()
      .prepare(),
  }
}
