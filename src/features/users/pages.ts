import { and, asc, eq, ne, type SQL, sql } from 'drizzle-orm'
import { openReceipt } from '../../gate/receipts.ts'
import { nextTurn } from '../../protocol/json.ts'
import { HOUR_MS } from '../../protocol/metering.ts'
import type { Fields } from '../../store/fields.ts'
import { late } from '../../store/late.ts'
import { activity, belongings, files, ledger, limits, receipts, slots, usageHours } from '../../store/schema.ts'
import type { Store } from '../../store/store.ts'
import type { SigningKeys } from '../../tee/signing.ts'

// A turn of the event loop: 1 ms.
const PAGE_ROWS = 200

/** What is kept by owner, in rows as their owner may see them. */
export interface Pages {
  /** Under this name in an export. */
  readonly name: string
  /** All rows of an owner, page by page. */
  of(owner: string): AsyncGenerator<readonly object[]>
}

const moment = (at: number) => new Date(at).toISOString()

interface Deps {
  store: Store
  fields: Fields
  /** What signs receipts. */
  signing: SigningKeys
}

/** Everything kept by owner, in the order of an export: what is short first. */
export function ownedPages({ store, fields, signing }: Deps): readonly Pages[] {
  const { limit, open, acts, hours, usage } = late(() => prepare(store))
  const { owned, kept } = late(() => ({ owned: prepareBelongings(store), kept: prepareFiles(store) }))
  return [
    {
      name: 'rate_limit',
      of: async function* (owner) {
        const rows = await store.ask(() => limit.execute({ owner }))
        const micro = (at: number) => moment(Math.ceil(at / 1000))
        yield rows.map(row => ({ ...row, full_at: micro(row.full_at), refunded_at: micro(row.refunded_at) }))
      },
    },
    {
      name: 'open_requests',
      of: async function* (owner) {
        const rows = await store.ask(() => open.execute({ owner }))
        yield rows.map(row => ({ ...row, expires_at: moment(row.expires_at) }))
      },
    },
    {
      name: 'activity',
      of: owner =>
        paged(
          after => store.ask(() => acts.execute({ owner, ...after })),
          START,
          ({ at, id }) => ({ first: at, second: id }),
          ({ at, id: _, ...row }) => ({ at: moment(at), ...row }),
        ),
    },
    {
      name: 'belongings',
      of: owner =>
        paged(
          // Of what is used meanwhile the row moves on, and may be told twice; none is left out.
          after => store.ask(() => owned.execute({ owner, ...after })),
          { kind: '', first: -1, second: '' },
          ({ kind, used_at, id }) => ({ kind, first: used_at, second: id }),
          row => ({ ...row, created_at: moment(row.created_at), used_at: moment(row.used_at) }),
        ),
    },
    {
      name: 'files',
      of: owner =>
        paged(
          after => store.ask(() => kept.execute({ owner, ...after })),
          START,
          ({ created_at, id }) => ({ first: created_at, second: id }),
          ({ purpose, filename, ...row }) => ({
            ...row,
            created_at: moment(row.created_at * 1000),
            expires_at: row.expires_at === null ? null : moment(row.expires_at * 1000),
            filename: fields.open({ table: 'files', column: 'filename', row: row.id }, filename),
            purpose: JSON.parse(purpose),
          }),
        ),
    },
    {
      name: 'usage_hours',
      of: owner =>
        paged(
          after => store.ask(() => hours.execute({ owner, ...after })),
          START,
          ({ hour, model }) => ({ first: hour, second: model }),
          ({ hour, ...row }) => ({ hour: moment(hour * HOUR_MS), ...row }),
        ),
    },
    {
      name: 'usage',
      of: owner =>
        paged(
          after => store.ask(() => usage.execute({ owner, ...after })),
          START,
          ({ at, id }) => ({ first: at, second: id }),
          row => ({ ...row, at: moment(row.at), estimated: row.estimated === 1 }),
        ),
    },
    receiptPages({ store, fields, signing }),
  ]
}

/** Those of the ledger's rows, and then those of requests that have none there. */
function receiptPages(deps: Deps): Pages {
  const { store } = deps
  const { booked, others } = late(() => prepareReceipts(store))
  return {
    name: 'receipts',
    of: async function* (owner) {
      yield* paged(
        after => store.ask(() => booked.execute({ owner, ...after })),
        START,
        ({ at, id }) => ({ first: at, second: id }),
        ({ id, content }) => (content === null ? [] : openReceipt(deps, id, content)),
      )
      yield* paged(
        after => store.ask(() => others.execute({ owner, ...after })),
        START,
        ({ id }) => ({ ...START, second: id }),
        ({ id, content }) => openReceipt(deps, id, content),
      )
    },
  }
}

/** The last row of a page, by the two columns that follow the owner in the key. */
interface Cursor {
  readonly first: number
  readonly second: string
}

const START: Cursor = { first: -1, second: '' }

async function* paged<Row, Place extends Cursor>(
  page: (after: Place) => Promise<Row[]>,
  start: Place,
  cursorOf: (row: Row) => Place,
  shown: (row: Row) => object | readonly object[],
): AsyncGenerator<readonly object[]> {
  let after: Place | undefined = start
  while (after) {
    const rows = await page(after)
    yield rows.flatMap(shown)
    await nextTurn()
    const last = rows.at(-1)
    after = last && rows.length === PAGE_ROWS ? cursorOf(last) : undefined
  }
}

const value = (name: string) => sql`${sql.placeholder(name)}`

/** Rows behind a cursor. */
function behind(
  first: typeof ledger.at | typeof activity.at | typeof files.createdAt | typeof usageHours.hour,
  second: typeof ledger.id | typeof activity.id | typeof files.id | typeof usageHours.model,
): SQL {
  return sql`(${first}, ${second}) > (CAST(${value('first')} AS BIGINT), CAST(${value('second')} AS TEXT))`
}

function prepare({ db }: Store) {
  const owner = value('owner')
  const counts = (table: typeof ledger | typeof usageHours) => ({
    prompt_tokens: table.promptTokens,
    completion_tokens: table.completionTokens,
    cached_tokens: table.cachedTokens,
    estimated: table.estimated,
  })
  return {
    limit: db
      .select({ full_at: limits.fullAt, refunds: limits.refunds, refunded_at: limits.refundedAt })
      .from(limits)
      .where(eq(limits.owner, owner))
      .prepare(),
    open: db
      .select({ number: slots.number, process: slots.process, expires_at: slots.expiresAt })
      .from(slots)
      .where(eq(slots.owner, owner))
      .orderBy(asc(slots.number))
      .prepare(),
    acts: db
      .select({
        ...{ at: activity.at, id: activity.id, kind: activity.kind },
        ...{ auth_method: activity.authMethod, about: activity.about },
      })
      .from(activity)
      .where(and(eq(activity.owner, owner), behind(activity.at, activity.id)))
      .orderBy(asc(activity.at), asc(activity.id))
      .limit(PAGE_ROWS)
      .prepare(),
    hours: db
      .select({
        hour: usageHours.hour,
        model: usageHours.model,
        requests: usageHours.requests,
        // As text: it may be more than a number holds.
        cost_pico: sql<string>`CAST(${usageHours.costPico} AS TEXT)`,
        ...counts(usageHours),
      })
      .from(usageHours)
      .where(and(eq(usageHours.owner, owner), behind(usageHours.hour, usageHours.model)))
      .orderBy(asc(usageHours.hour), asc(usageHours.model))
      .limit(PAGE_ROWS)
      .prepare(),
    usage: db
      .select({
        at: ledger.at,
        id: ledger.id,
        backend: ledger.backend,
        route: ledger.route,
        model: ledger.model,
        cost: ledger.cost,
        status: ledger.status,
        ending: ledger.ending,
        chat_id: ledger.chatId,
        bytes_up: ledger.bytesUp,
        bytes_down: ledger.bytesDown,
        ...counts(ledger),
      })
      .from(ledger)
      .where(and(eq(ledger.owner, owner), behind(ledger.at, ledger.id)))
      .orderBy(asc(ledger.at), asc(ledger.id))
      .limit(PAGE_ROWS)
      .prepare(),
  }
}

function prepareBelongings({ db }: Store) {
  const { kind, id, owner, createdAt, usedAt } = belongings
  const after = sql`(CAST(${value('kind')} AS TEXT), CAST(${value('first')} AS BIGINT), CAST(${value('second')} AS TEXT))`
  return db
    .select({ kind, id, created_at: createdAt, used_at: usedAt })
    .from(belongings)
    .where(and(eq(owner, value('owner')), sql`(${kind}, ${usedAt}, ${id}) > ${after}`))
    .orderBy(asc(kind), asc(usedAt), asc(id))
    .limit(PAGE_ROWS)
    .prepare()
}

function prepareFiles({ db }: Store) {
  const { id, owner, bytes, createdAt, expiresAt, filename, purpose } = files
  return db
    .select({ id, bytes, created_at: createdAt, expires_at: expiresAt, filename, purpose })
    .from(files)
    .where(and(eq(owner, value('owner')), behind(createdAt, id)))
    .orderBy(asc(createdAt), asc(id))
    .limit(PAGE_ROWS)
    .prepare()
}

function prepareReceipts({ db }: Store) {
  const { id, owner, content } = receipts
  return {
    // Each row of the ledger, with a receipt or not: else a page of few would read a million rows.
    booked: db
      .select({ at: ledger.at, id: ledger.id, content })
      .from(ledger)
      .leftJoin(receipts, eq(id, ledger.id))
      .where(and(eq(ledger.owner, value('owner')), behind(ledger.at, ledger.id)))
      .orderBy(asc(ledger.at), asc(ledger.id))
      .limit(PAGE_ROWS)
      .prepare(),
    others: db
      .select({ id, content })
      .from(receipts)
      .where(and(eq(owner, value('owner')), ne(owner, sql`''`), sql`${id} > CAST(${value('second')} AS TEXT)`))
      .orderBy(asc(id))
      .limit(PAGE_ROWS)
      .prepare(),
  }
}
