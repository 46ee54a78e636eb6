import { and, desc, eq, gt, isNull, lt, ne, or, sql } from 'drizzle-orm'
import { sessions as table, users } from '../store/schema.ts'
import type { Store } from '../store/store.ts'

const value = (name: string) => sql`${sql.placeholder(name)}`

/** The statements about sessions. */
export function sessionRows({ db }: Store) {
  const [id, user, digest, at] = [value('id'), value('user'), value('digest'), value('at')]
  const [code, expiresAt] = [value('code'), value('expiresAt')]
  const times = { createdAt: table.createdAt, renewedAt: table.renewedAt, expiresAt: table.expiresAt }
  const hasBegun = or(isNull(table.codeHash), ne(table.codeHash, table.tokenHash))
  return {
    // Of a user who is being deleted there is none any more, whatever another process has just begun.
    find: db
      .select({ id: table.id, userId: table.userId, method: table.authMethod, proof: table.proof, ...times })
      .from(table)
      .innerJoin(users, and(eq(users.id, table.userId), isNull(users.deletedAt)))
      .where(and(eq(table.tokenHash, digest), hasBegun))
      .prepare(),
    insert: db
      .insert(table)
      .values({
        ...{ id, userId: user, tokenHash: digest, codeHash: code },
        ...{ authMethod: value('authMethod'), proof: value('proof'), isFirst: value('isFirst') },
        ...{ createdAt: at, renewedAt: at, expiresAt },
      })
      .prepare(),
    /** Begins the one that waits for a code: of several that bring it, one finds it. */
    redeem: db
      .update(table)
      .set({ tokenHash: digest, createdAt: at, renewedAt: at, expiresAt })
      .where(and(eq(table.tokenHash, code), eq(table.codeHash, code), gt(table.expiresAt, at)))
      .returning({ id: table.id, isFirst: table.isFirst, authMethod: table.authMethod })
      .prepare(),
    /** Ends the one that a code began, or that waited for it too long. */
    revoke: db.delete(table).where(eq(table.codeHash, code)).returning({ userId: table.userId }).prepare(),
    /** Only what was looked at: of several that would renew it, one does. */
    renew: db
      .update(table)
      .set({ renewedAt: at, expiresAt })
      .where(and(eq(table.id, id), eq(table.renewedAt, value('seen'))))
      .prepare(),
    list: db
      .select({ id: table.id, authMethod: table.authMethod, ...times })
      .from(table)
      .where(and(eq(table.userId, user), gt(table.expiresAt, at), hasBegun))
      .orderBy(desc(table.createdAt), table.id)
      .prepare(),
    end: db
      .delete(table)
      .where(and(eq(table.id, id), eq(table.userId, user)))
      .returning({ id: table.id })
      .prepare(),
    endAll: db.delete(table).where(eq(table.userId, user)).prepare(),
    sweep: db
      .delete(table)
      .where(lt(table.expiresAt, value('before')))
      .prepare(),
  }
}
