import { Database } from 'bun:sqlite'
import { join } from 'node:path'
import { agrees, bodyOf, numberOf, type Row } from './kit/booked.ts'
import { claim, type Figure, type Gateway, type Ground } from './kit/claim.ts'
import { type Entry, enclaveWithBooks, KINDS, type Kind } from './kit/enclave-with-books.ts'

const CALLERS = 50
const REQUESTS = 2000
// Beside them: callers who send nothing but what is refused, as fast as they may, until all others are done.
const HAMMERING = 3
const OPEN_AT_ONCE = 3
const CONCURRENT_LIMIT = 4
const RPM = 60
const BURST = 30
const LOST_MS = 1000
let over = false
const SLOTS_FREE_MS = 30_000
const MOMENT_MS = 1000

await claim(
  {
    name: 'books',
    says: `${REQUESTS} requests of ${CALLERS} callers, whole, cut, broken and refused, with one kill -9: the ledger is the enclave's books`,
    withinSeconds: 170,
  },
  prove,
)

async function prove(ground: Ground): Promise<Figure[]> {
  const enclave = ground.also(await enclaveWithBooks())
  const env = {
    DATABASE_URL: 'sqlite:books.db',
    RATE_LIMIT_RPM: String(RPM),
    RATE_LIMIT_BURST: String(BURST),
    CONCURRENT_LIMIT: String(CONCURRENT_LIMIT),
  }
  const running: { gateway: Gateway | undefined } = { gateway: await ground.gateway(enclave.url, env) }
  const port = new URL(running.gateway?.url ?? '').port
  const began = Date.now()
  const load = Promise.all(Array.from({ length: CALLERS }, (_, at) => caller(at, REQUESTS / CALLERS, running, ground)))
  const hammering = Array.from({ length: HAMMERING }, (_, at) =>
    caller(CALLERS + at, Number.POSITIVE_INFINITY, running, ground),
  )
  while (enclave.books.size < REQUESTS / 2) await Bun.sleep(10)
  const killedAt = Date.now()
  const fallen = running.gateway
  running.gateway = undefined
  fallen?.signal('SIGKILL')
  await fallen?.exited
  running.gateway = await ground.gateway(enclave.url, { ...env, PORT: port })
  const asked = (await load).flat()
  over = true
  asked.push(...(await Promise.all(hammering)).flat())
  const seconds = (Date.now() - began) / 1000
  const slots = await slotsHeld(ground, killedAt)
  running.gateway.signal('SIGTERM')
  await running.gateway.exited
  const rows = read<Row>(ground, 'SELECT * FROM ledger')
  return [
    whole(asked, enclave.books, seconds),
    equality(rows, enclave.books, killedAt),
    sums(rows, enclave.books),
    slots,
    refunds(asked, enclave.books, seconds),
  ]
}

/** One request that was sent. */
interface Asked {
  readonly caller: number
  readonly number: number
  readonly kind: Kind
}

/** A caller who sends his share, a few at once. */
async function caller(
  at: number,
  share: number,
  running: { gateway: Gateway | undefined },
  ground: Ground,
): Promise<Asked[]> {
  const { authorization } = await ground.bearer(`caller-${at}`)
  const asked: Asked[] = []
  let next = 0
  async function work(): Promise<void> {
    while (next < share && !over) {
      const number = at * 1000 + next++
      const kind = kindOf(at, number)
      asked.push({ caller: at, number, kind })
      while (!(await send(running.gateway, authorization, number, kind)) && !over) await Bun.sleep(50)
    }
  }
  await Promise.all(Array.from({ length: OPEN_AT_ONCE }, work))
  return asked
}

function kindOf(at: number, number: number): Kind {
  if (at >= CALLERS) return number % 2 ? 'busy' : 'unreadable'
  return KINDS[number % KINDS.length] ?? 'json'
}

/** Whether the request needs no other try: it is sent again until the gateway lets it through, or the enclave has seen it. */
async function send(gateway: Gateway | undefined, authorization: string, number: number, kind: Kind): Promise<boolean> {
  if (!gateway) return false
  const leaving = new AbortController()
  const body = bodyOf(number)
  const headers = { authorization, 'content-type': 'application/json', 'x-tinfoil-model': kind }
  try {
    const url = `${gateway.url}/v1/chat/completions`
    const answer = await fetch(url, { method: 'POST', headers, body, signal: leaving.signal })
    if (answer.status === 429 && (await answer.clone().text()).includes('"code"')) return false
    let events = 0
    for await (const _ of answer.body ?? []) if (kind === 'cut' && ++events === 3) leaving.abort()
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code !== 'ConnectionRefused' : true
  }
}

function read<T>(ground: Ground, statement: string): T[] {
  const file = new Database(join(ground.directory, 'books.db'), { readonly: true })
  const rows = file.query<T, []>(statement).all()
  file.close()
  return rows
}

function whole(asked: readonly Asked[], books: ReadonlyMap<number, Entry>, seconds: number): Figure {
  const kinds = KINDS.map(kind => `${[...books.values()].filter(entry => entry.kind === kind).length} ${kind}`)
  const is = `${books.size} of ${asked.length} reached the enclave in ${seconds.toFixed(0)} s: ${kinds.join(', ')}`
  return { what: 'the load:', is, holds: books.size > REQUESTS * 0.95 }
}

/** Row by row: nothing is booked twice or otherwise than it was, and what lacks had ended in the last second before the kill. */
function equality(rows: readonly Row[], books: ReadonlyMap<number, Entry>, killedAt: number): Figure {
  const booked = new Map(rows.map(row => [numberOf(row), row]))
  const lost: number[] = []
  const wrong: string[] = []
  for (const [number, entry] of books) {
    const row = booked.get(number)
    if (row && !agrees(row, entry)) wrong.push(`${number} ${JSON.stringify({ row, entry })}`)
    if (row) continue
    const ended = entry.endedAt ?? Number.POSITIVE_INFINITY
    // What was under way when the process died ended with it, a moment later.
    if (ended > killedAt - LOST_MS && ended < killedAt + LOST_MS) lost.push(killedAt - ended)
    else wrong.push(`${number} is not booked: ${JSON.stringify(entry)}`)
  }
  const doubled = rows.length - booked.size
  for (const line of wrong.slice(0, 5)) console.error(line)
  const is = `${rows.length} rows, ${wrong.length} wrong, ${doubled} twice, ${lost.length} lost, the oldest ${Math.max(0, ...lost)} ms before the kill (limit ${LOST_MS} ms)`
  return { what: 'the ledger, row by row:', is, holds: wrong.length === 0 && doubled === 0 && rows.length > 0 }
}

/** What was stated, in all: of the requests that have a row, so that the last second before the kill is left out. */
function sums(rows: readonly Row[], books: ReadonlyMap<number, Entry>): Figure {
  const stated = rows.flatMap(row => {
    const entry = books.get(numberOf(row))
    return entry?.stated ? [{ row, entry }] : []
  })
  const sum = (of: (pair: (typeof stated)[number]) => number) => stated.reduce((total, pair) => total + of(pair), 0)
  const ours = sum(({ row }) => row.prompt_tokens + row.completion_tokens)
  const theirs = sum(({ entry }) => entry.prompt + entry.completion)
  const all = [...books.values()].filter(entry => entry.stated)
  const inAll = all.reduce((total, entry) => total + entry.prompt + entry.completion, 0)
  const is = `${ours} in the ledger, ${theirs} in the enclave's books for the same ${stated.length} requests (${inAll} in all its ${all.length})`
  return { what: 'tokens stated:', is, holds: ours === theirs && ours > 0 }
}

/** Those of the killed process for 30 s at most, those of the living one for a moment. */
async function slotsHeld(ground: Ground, killedAt: number): Promise<Figure> {
  const live = () =>
    read<{ rows: number }>(ground, `SELECT count(*) AS rows FROM slots WHERE expires_at > ${Date.now()}`)[0]?.rows
  const due = Math.max(killedAt + SLOTS_FREE_MS, Date.now() + MOMENT_MS)
  while (live() !== 0 && Date.now() < due) await Bun.sleep(100)
  const is = `${live()} rows ${((Date.now() - killedAt) / 1000).toFixed(1)} s after the kill`
  return { what: 'slots held when all is over:', is, holds: live() === 0 }
}

/** The hammering callers: their rate lets through its own and what was given back, and no more. */
function refunds(asked: readonly Asked[], books: ReadonlyMap<number, Entry>, seconds: number): Figure {
  const own = BURST + (RPM * seconds) / 60
  const most = own + BURST * Math.ceil(seconds / 60)
  const reached = asked.filter(({ caller, number }) => caller >= CALLERS && books.has(number))
  const counts = [...Map.groupBy(reached, ({ caller }) => caller).values()].map(({ length }) => length)
  const is = `${counts.join(', ')} in ${seconds.toFixed(0)} s; without refunds ${own.toFixed(0)} at most, with them ${most.toFixed(0)}`
  const holds = counts.length === HAMMERING && counts.every(count => count > own && count <= most)
  return { what: 'requests of callers who are only refused:', is, holds }
}
