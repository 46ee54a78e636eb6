import { runOn } from '../../../test/kit/database.ts'
import { agrees, numberOf, type Row } from '../booked.ts'
import type { Entry } from '../enclave-with-books.ts'
import { type Account, type Acknowledged, promptIn } from './load.ts'

/** One kind of what was acknowledged: how much, how much of it is not there as it was, and how much is there twice. */
export interface Kept {
  readonly what: string
  readonly acknowledged: number
  readonly lost: number
  readonly doubled: number
}

interface Deps {
  /** Of the database that was promoted. */
  readonly database: string
  readonly gateways: readonly string[]
  readonly done: Acknowledged
  readonly books: ReadonlyMap<number, Entry>
}

// What waits for the database is tried again each four seconds.
const BOOKED_MS = 15_000
const LOOK_MS = 100
const AGAIN_MS = 50
// Of nobody's: who may ask is told that there is none.
const NO_RECEIPT = `/v1/receipts/rcpt_${'0'.repeat(64)}`
const bearer = (credential: string) => `Bearer ${credential}`

/** Asks the gateways, and the database, for all that was acknowledged. */
export async function kept(deps: Deps): Promise<Kept[]> {
  const { keys, revoked, sessions } = deps.done
  const open = async (credentials: readonly string[]) => (await opening(deps, credentials)).length
  const made = keys.map(({ key }) => key)
  return [
    await booked(deps),
    await receipts(deps),
    {
      what: 'keys made',
      acknowledged: made.length,
      lost: made.length - (await open(made)),
      doubled: await twice(deps),
    },
    { what: 'keys revoked', acknowledged: revoked.length, lost: await open(revoked), doubled: 0 },
    { what: 'sessions', acknowledged: sessions.length, lost: sessions.length - (await open(sessions)), doubled: 0 },
    await prompts(deps),
  ]
}

/** Asks any of the gateways, until the limiter lets it through. */
async function ask({ gateways }: Deps, path: string, authorization: string): Promise<Response> {
  for (;;) {
    const url = gateways[Math.floor(Math.random() * gateways.length)]
    const answer = await fetch(`${url}${path}`, { headers: { authorization } })
    if (answer.status !== 429) return answer
    await answer.body?.cancel()
    await Bun.sleep(AGAIN_MS)
  }
}

/** Those that open a door: whoever knocks at it with another one gets a 401. */
async function opening(deps: Deps, credentials: readonly string[]): Promise<string[]> {
  const open: string[] = []
  for (const credential of credentials) {
    const answer = await ask(deps, NO_RECEIPT, bearer(credential))
    await answer.body?.cancel()
    if (answer.status === 404) open.push(credential)
    else if (answer.status !== 401) throw new Error(`${answer.status} for a credential`)
  }
  return open
}

/** The ledger against the enclave's books, row by row, and what its sums say. */
async function booked({ database, books }: Deps): Promise<Kept> {
  const read = () => runOn<never>(database, 'SELECT * FROM ledger') as Promise<unknown> as Promise<Row[]>
  const due = Date.now() + BOOKED_MS
  let rows = await read()
  while (rows.length < books.size && Date.now() < due) {
    await Bun.sleep(LOOK_MS)
    rows = await read()
  }
  const byNumber = new Map(rows.map(row => [numberOf(row), row]))
  const lost = [...books].filter(([number, entry]) => {
    const row = byNumber.get(number)
    return !(row && agrees(row, entry))
  })
  const [sums] = await runOn<number>(database, 'SELECT sum(requests) AS requests FROM usage_hours')
  const doubled = rows.length - byNumber.size + Math.abs((sums?.['requests'] ?? 0) - rows.length)
  return { what: 'rows of the ledger', acknowledged: books.size, lost: lost.length, doubled }
}

/** Each that an answer told is there, and the last of each caller is told to them. */
async function receipts(deps: Deps): Promise<Kept> {
  const told = deps.done.receipts
  const there = new Set((await runOn<string>(deps.database, 'SELECT id FROM receipts')).map(({ id }) => id))
  const lost = [...told.keys()].filter(id => !there.has(id)).length
  const last = new Map<Account, string>([...told].map(([id, account]) => [account, id]))
  let untold = 0
  for (const [{ authorization }, id] of last) {
    const answer = await ask(deps, `/v1/receipts/${id}`, authorization)
    const { receipt = '{}' } = (await answer.json()) as { receipt?: string }
    if (JSON.parse(receipt).id !== id) untold++
  }
  return { what: 'receipts', acknowledged: told.size, lost: lost + untold, doubled: 0 }
}

/** How many keys have the name of another one: each was asked for once. */
async function twice(deps: Deps): Promise<number> {
  let doubled = 0
  for (const { authorization } of deps.done.prompts.keys()) {
    const answer = await ask(deps, '/v1/users/me/keys', authorization)
    const { keys } = (await answer.json()) as { keys: { name: string }[] }
    doubled += keys.length - new Set(keys.map(({ name }) => name)).size
  }
  return doubled
}

/** Each writer's prompt was never older than what was acknowledged, and is not now. */
async function prompts(deps: Deps): Promise<Kept> {
  let acknowledged = 0
  let lost = 0
  for (const [{ authorization }, prompt] of deps.done.prompts) {
    const found = promptIn(await (await ask(deps, '/v1/users/me/settings', authorization)).text())
    acknowledged += prompt.times
    lost += prompt.lost + Number(!(found >= prompt.acknowledged && found <= prompt.sent))
  }
  return { what: 'settings', acknowledged, lost, doubled: 0 }
}
