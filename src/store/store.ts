import type { Query } from 'drizzle-orm'
import type { BaseSQLiteDatabase } from 'drizzle-orm/sqlite-core'

/**
 * The database as every statement sees it: asynchronous, whichever engine is behind it. Statements are run by
 * `execute()`, which alone means the same on both.
 */
export type Database = BaseSQLiteDatabase<'async', unknown>

/** A prepared statement and what goes into it. */
export interface Write {
  readonly statement: { getQuery(): Query }
  readonly values: Record<string, unknown>
}

/** An open database. */
export interface Store {
  readonly db: Database
  /** Whether no sealgate has written to it yet. */
  readonly isNew: boolean
  /**
   * Runs one statement, if need be more than once: while another process writes, SQLite has done nothing.
   * @throws Problem `database_unavailable` when the database does not answer, or its files were removed or replaced.
   */
  ask<T>(statement: () => T | Promise<T>): Promise<T>
  /**
   * As {@link Store.ask}, for one write that requests wait for: SQLite does those of a turn of the event loop in one
   * transaction, all or none of them, and tells when it is committed.
   * @throws Problem `database_unavailable`
   */
  share<T>(write: () => T | Promise<T>): Promise<T>
  /**
   * Runs writes in one transaction, with no code between them: all of them are done, or none. Waits as {@link Store.ask}.
   * Writes of one insert that follow each other go together, so no two of them may be of one key.
   * @throws Problem `database_unavailable`
   */
  atomically(writes: readonly Write[]): Promise<void>
  /** Whether the database takes a write now; asks it by one that changes nothing. */
  isWritable(): Promise<boolean>
  /**
   * Brings the schema to this binary's version, once, whoever else is starting.
   * @throws StoreFault when the database cannot be written.
   */
  migrate(): Promise<void>
  /** Whether no other connection has the database open, as far as the engine can tell; after {@link Store.migrate}. */
  isAlone(): Promise<boolean>
  /**
   * Writes the database's files anew, so that nothing of what was overwritten or deleted is left in them.
   * Only where no other process has the database open.
   */
  compact(): Promise<void>
  /** Gives back the memory that holds what was read last; who asks again reads it anew. */
  forget(): void
  /** Milliseconds by which the database's clock is ahead of this machine's, as far as it is certain. */
  aheadMs(): number
  /** Looks anew by how much it is: to be called each minute. @throws Problem `database_unavailable` */
  compareClocks(): Promise<void>
  /** Of a cluster that is followed: how often its primary moved, and for how long nobody has confirmed where it is. */
  readonly followed?: { readonly moves: number; ageMs(): number } | undefined
  close(): Promise<void>
}

/** The time of all processes on one database, whichever clocks they have: what they compare with its rows is told by it. */
export const sharedClock =
  ({ aheadMs }: Pick<Store, 'aheadMs'>, now: () => number): (() => number) =>
  () =>
    now() + aheadMs()

/** A database that cannot be used; the message says which, why, and the way out. */
export class StoreFault extends Error {
  override readonly name = 'StoreFault'
}
