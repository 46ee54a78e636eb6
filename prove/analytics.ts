import { Database } from 'bun:sqlite'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { openStore } from '../src/store/open.ts'
import { claim, type Figure, type Gateway, type Ground } from './kit/claim.ts'

const ROWS = 1_000_000
const CALLERS = 10_000
const MOST_IN_SESSION = 11
const DAYS = 30
const START = Date.UTC(2026, 9, 1)
const [HOUR_MS, DAY_MS] = [3_600_000, 86_400_000]
const WITHIN_MS = 300
const ROUNDS = 9

await claim(
  {
    name: 'analytics',
    says: `${ROWS} rows of the ledger, of ${CALLERS} callers in ${DAYS} days, are told as series and top users within ${WITHIN_MS} ms, on SQLite`,
    withinSeconds: 600,
  },
  prove,
)

async function prove(ground: Ground): Promise<Figure[]> {
  const url = `sqlite:${join(ground.directory, 'sealgate.db')}`
  const { store } = await openStore({ url, dataKey: undefined, identityKey: undefined })
  await store.close()
  const rows = fill(url.replace('sqlite:', ''))
  const gateway = await ground.gateway('http://127.0.0.1:1', { DATABASE_URL: url, ADMIN_SCOPE: 'admin' })
  const headers = await ground.bearer('root', 'admin')
  const whole = periodOf(START, START + DAYS * DAY_MS)
  // Its ends lie within hours, whose rows are then counted one by one.
  const ragged = periodOf(START + 10.4 * HOUR_MS, START + DAYS * DAY_MS - 9.7 * HOUR_MS)
  const asked = {
    'series by the hour': `/series?bucket=hour&${whole}`,
    'series by the day': `/series?bucket=day&${whole}`,
    'top users': `/top-users?limit=100&${whole}`,
    overview: `?${whole}`,
    'series by the hour, ragged': `/series?bucket=hour&${ragged}`,
    'series by the day, ragged': `/series?bucket=day&${ragged}`,
    'top users, ragged': `/top-users?limit=100&${ragged}`,
  }
  const figures: Figure[] = []
  for (const [what, path] of Object.entries(asked)) {
    const { took, held } = await timed(gateway, `/v1/admin/analytics${path}`, headers)
    const middle = took[Math.floor(took.length / 2)] ?? Number.POSITIVE_INFINITY
    const is = `${middle.toFixed(0)} ms (${took[0]?.toFixed(0)}–${took.at(-1)?.toFixed(0)}); others wait ${held.toFixed(0)} ms at most`
    figures.push({ what: `${what}:`, is, holds: middle < WITHIN_MS })
  }
  const { requests, exact } = await counted(gateway, asked['series by the day'], headers)
  return [
    { what: 'rows:', is: `${rows}; on ${availableParallelism()} cores`, holds: true },
    { what: 'in the series are', is: `${requests} requests`, holds: exact },
    ...figures,
  ]
}

function periodOf(start: number, end: number): string {
  return `start=${new Date(start).toISOString()}&end=${new Date(end).toISOString()}`
}

/** Asks again and again; how long each took, the shortest first, and the longest that anybody else waited meanwhile. */
async function timed({ url }: Gateway, path: string, headers: Record<string, string>) {
  let held = 0
  let over = false
  const other = (async () => {
    while (!over) {
      const began = performance.now()
      await (await fetch(`${url}/health`)).text()
      held = Math.max(held, performance.now() - began)
      await Bun.sleep(1)
    }
  })()
  const took: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now()
    const answer = await fetch(`${url}${path}`, { headers })
    if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`)
    await answer.text()
    took.push(performance.now() - began)
  }
  over = true
  await other
  return { took: took.sort((a, b) => a - b), held }
}

async function counted({ url }: Gateway, path: string, headers: Record<string, string>) {
  const answer = await fetch(`${url}/v1/admin/analytics${path}`, { headers })
  const { rows } = (await answer.json()) as { rows: { requests: number }[] }
  const requests = rows.reduce((sum, row) => sum + row.requests, 0)
  return { requests, exact: requests === ROWS && rows.length === DAYS }
}

/** Callers come in sessions of a few minutes, and the first of them a thousand times as often as the thousandth. */
function fill(path: string): string {
  const file = new Database(path)
  const owners = Array.from({ length: CALLERS }, (_, at) => `${at % 3 ? 'u' : 'j'}_${hexOf(at)}`)
  const times: [at: number, owner: string, model: string][] = []
  while (times.length < ROWS) {
    const owner = owners[Math.floor(CALLERS ** Math.random()) - 1] ?? ''
    const model = ['large', 'small', 'embedding'][Math.floor(Math.random() * 3)] ?? ''
    let at = START + Math.floor(Math.random() * (DAYS * DAY_MS - HOUR_MS))
    for (let left = 1 + Math.floor(Math.random() * MOST_IN_SESSION); left > 0 && times.length < ROWS; left--) {
      at += Math.floor(Math.random() * 240_000)
      times.push([at, owner, model])
    }
  }
  const insert = file.query(
    `INSERT INTO ledger (owner, at, id, backend, route, model, prompt_tokens, completion_tokens, cached_tokens, cost,
     status, ending, bytes_up, bytes_down, estimated)
     VALUES (?, ?, ?, 'tinfoil', '/v1/chat/completions', ?, 900, 300, 0, '0.000123456789', 200, 'complete', 900, 900, 0)`,
  )
  file.transaction(() => {
    for (const [number, [at, owner, model]] of times.sort(([a], [b]) => a - b).entries())
      insert.run(owner, at, number.toString(16).padStart(16, '0'), model)
    file.run(`INSERT INTO usage_hours (owner, hour, model, requests, prompt_tokens, completion_tokens, cached_tokens,
      cost_pico, estimated, errors, cut, responses)
      SELECT owner, at / ${HOUR_MS}, model, count(*), 900 * count(*), 300 * count(*), 0, 123456789 * count(*), 0, 0, 0,
      count(*) FROM ledger GROUP BY 1, 2, 3 ORDER BY min(at)`)
    file.run(`INSERT INTO usage_days (owner, day, requests, prompt_tokens, completion_tokens, cost_pico, errors, cut,
      responses) SELECT owner, hour / 24, sum(requests), sum(prompt_tokens), sum(completion_tokens), sum(cost_pico), 0, 0,
      sum(responses) FROM usage_hours GROUP BY 1, 2 ORDER BY min(hour)`)
  })()
  const count = (table: string) => file.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}`).get()?.n
  const rows = ['ledger', 'usage_hours', 'usage_days'].map(table => `${count(table)} in ${table}`).join(', ')
  file.close()
  return rows
}

function hexOf(number: number): string {
  return new Bun.CryptoHasher('sha256').update(String(number)).digest('hex').slice(0, 32)
}
