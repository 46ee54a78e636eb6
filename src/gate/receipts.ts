import { eq, lt, sql } from 'drizzle-orm'
import type { End, Exchange } from '../protocol/exchange.ts'
import { nextTurn } from '../protocol/json.ts'
import { DAY_MS } from '../protocol/metering.ts'
import { Problem } from '../protocol/problem.ts'
import { OpenReceipt, type SignedReceipt } from '../protocol/receipt.ts'
import { type ReceiptFacts, receiptText } from '../protocol/receipt-facts.ts'
import { firstIdAt, issuedAt, receiptIdFor } from '../protocol/receipt-id.ts'
import type { Fields } from '../store/fields.ts'
import { late } from '../store/late.ts'
import { receipts as table } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { signedReceipt } from '../tee/kept-receipt.ts'
import { RECEIPT_KEY, type SigningKeys } from '../tee/signing.ts'
import type { ReceiptRow } from './batch.ts'
import { noSuchThing } from './belongings.ts'
import type { Ledger } from './ledger.ts'

/** What was asked and answered, signed for whoever asked. */
export interface Receipts {
  /** Gives a request a receipt, of which its answer tells the id. */
  begin(exchange: Exchange, request: Request): void
  /** The receipt of a request that is over, to be written with its entry in the ledger; none where it was given none. */
  finish(exchange: Exchange, end: End): ReceiptRow | undefined
  /**
   * The receipt of that id.
   * @throws Problem `not_found` unless it was given to that owner, or when it is gone; `receipt_not_ready` while its
   * request lasts; `database_unavailable`
   */
  find(owner: string, id: string): Promise<SignedReceipt>
  /** Deletes those whose time is over. */
  sweep(): Promise<void>
}

interface Deps {
  store: Store
  fields: Fields
  /** A rekey keeps it, and so ids stay whose they were. */
  identityKey: Uint8Array
  signing: SigningKeys
  /** SHA-256 of the settings that a report states, in hex. */
  settingsDigest: string
  ledger: Ledger
  now: () => number
  /** Days for which receipts are kept; with 0 none are made. */
  receiptDays: number
}

// No request lasts longer: of one whose receipt is not there by then, it was lost.
const LONGEST_MS = DAY_MS
// A turn of the event loop: 2 ms.
const PAGE_ROWS = 200
const SALT_BYTES = 16

/**
 * Receipts whose text is fixed as soon as their requests are over; they are kept sealed, for a digest of a short prompt tells
 * what it was, and signed when they are asked for.
 */
export function receipts(deps: Deps): Receipts {
  const { store, identityKey, ledger, now, receiptDays } = deps
  const maker = makerOf(deps)
  const { read, sweep } = late(() => prepare(store))
  const stored = async (id: string) => (await store.ask(() => read.execute({ id })))[0]?.content

  return {
    begin: (exchange, request) => {
      if (receiptDays === 0) return
      if (!exchange.inFlight || !exchange.principal) throw new TypeError('a receipt before the limits')
      const id = receiptIdFor(identityKey, exchange.principal.owner, exchange.startedAt)
      exchange.receipt = new OpenReceipt(id, request)
      exchange.headers['x-receipt-id'] = id
    },
    finish: (exchange, end) => {
      const { receipt, principal } = exchange
      if (!receipt || !principal) return undefined
      const { id } = receipt
      const facts = factsOf(exchange, receipt, { end, endedAt: now(), maker })
      const seal = () => deps.fields.seal(placeOf(id), JSON.stringify(facts()))
      return { id, owner: principal.owner, seal }
    },
    find: async (owner, id) => {
      const at = issuedAt(identityKey, owner, id)
      if (at === undefined) throw noSuchThing()
      const sealed = (await stored(id)) ?? (await notYetKept(id, at))
      return openReceipt(deps, id, sealed)
    },
    sweep: async () => {
      const before = firstIdAt(now() - receiptDays * DAY_MS)
      while ((await store.ask(() => sweep.execute({ before }))).length === PAGE_ROWS) await nextTurn()
    },
  }

  /** One that may still be on its way to the database, or whose request is. */
  async function notYetKept(id: string, at: number): Promise<string> {
    if (now() - at >= LONGEST_MS) throw noSuchThing()
    await ledger.flush()
    const sealed = await stored(id)
    if (sealed === undefined) throw notReady()
    return sealed
  }
}

/** A receipt that was read from its row, signed. @throws FieldFault, KeyGone */
export function openReceipt({ fields, signing }: Pick<Deps, 'fields' | 'signing'>, id: string, sealed: string) {
  return signedReceipt(receiptText(id, fields.open(placeOf(id), sealed)), signing.ed25519)
}

const placeOf = (row: string) => ({ table: 'receipts', column: 'content', row })

function notReady(): Problem {
  const message = 'This receipt is not written yet: it is when its request has ended. Ask again in a moment.'
  return new Problem('receipt_not_ready', message, { headers: { 'retry-after': '1' } })
}

interface Over {
  end: End
  endedAt: number
  maker: ReturnType<typeof makerOf>
}

/** What all receipts of a process say alike. */
const makerOf = ({ signing, settingsDigest }: Pick<Deps, 'signing' | 'settingsDigest'>) => ({
  key: [RECEIPT_KEY.epoch, base64url(signing.ed25519.publicKey)] as const,
  settings: base64url(settingsDigest),
})

const base64url = (hex: string) => Buffer.from(hex, 'hex').toString('base64url')

/** What is known now, to be spelled as it is sealed: that too takes half in a row of them. */
function factsOf(exchange: Exchange, open: OpenReceipt, { end, endedAt, maker }: Over): () => ReceiptFacts {
  const { backend = null, code = null, host = null, startedAt, streaming, usage, route = '' } = exchange
  const { ending, status } = end
  const model = usage?.model ?? null
  const request = open.request()
  // A refusal comes whole though what it is about failed; nobody is there to take that of a client who left.
  const response = open.down.passed(streaming ? ending === 'complete' : ending !== 'cancelled')
  // biome-ignore format: in the order of its members
  return () => [
    backend, code, endedAt, ending, host, maker.key, open.method, model, startedAt,
    request(), response(), route, salt(), maker.settings, status,
  ]
}

const salt = () => crypto.getRandomValues(Buffer.allocUnsafe(SALT_BYTES)).toString('base64url')

const value = (name: string) => sql`${sql.placeholder(name)}`

function prepare({ db }: Store) {
  const old = db
    .select({ id: table.id })
    .from(table)
    .where(lt(table.id, value('before')))
    .limit(PAGE_ROWS)
  return {
    read: db
      .select({ content: table.content })
      .from(table)
      .where(eq(table.id, value('id')))
      .prepare(),
    sweep: db.delete(table).where(sql`${table.id} IN ${old}`).returning({ id: table.id }).prepare(),
  }
}
