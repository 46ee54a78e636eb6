import { claim, type Figure, type Gateway, type Ground } from './kit/claim.ts'
import { enclaveWithBooks } from './kit/enclave-with-books.ts'
import { asking } from './kit/failover/asking.ts'
import { kept } from './kit/failover/kept.ts'
import { load } from './kit/failover/load.ts'
import { replicatedPostgres } from './kit/failover/replicated.ts'
import { type Round, table } from './kit/failover/rounds.ts'

const ROUNDS = 3
const GATEWAYS = 2
const RPM = 600
const BURST = 20
const CONCURRENT_LIMIT = 4
// Twelve events: a stream lasts longer than the database is away.
const STREAM_PACE_MS = 500
const BEFORE_MS = 8000
const AWAY_MS = 3000
const AFTER_MS = 8000

await claim(
  {
    name: 'failover',
    says: `${ROUNDS} × the primary of two synchronous PostgreSQLs killed under load and the other one promoted: 503s for < 5 s, nothing acknowledged is lost, no law broken, no restart`,
    withinSeconds: 200,
  },
  prove,
)

async function prove(ground: Ground): Promise<Figure[]> {
  const rounds: Round[] = []
  for (let round = 0; round < ROUNDS; round++) rounds.push(await failedOver(ground))
  return table(rounds)
}

async function failedOver(ground: Ground): Promise<Round> {
  const pair = ground.also(await replicatedPostgres())
  const enclave = ground.also(await enclaveWithBooks(STREAM_PACE_MS))
  const gateways: Gateway[] = []
  for (let at = 0; at < GATEWAYS; at++) gateways.push(await ground.gateway(enclave.url, environment(pair.patronis)))
  const { seen, ask } = asking(gateways)
  const { books } = enclave
  const under = await load({ ask, bearer: ground.bearer, hasReached: number => books.has(number) })
  await Bun.sleep(BEFORE_MS)
  const killedAt = Date.now()
  pair.killPrimary()
  await Bun.sleep(AWAY_MS)
  const readyAway = await ready(gateways)
  const promotedAt = await pair.promote()
  await Bun.sleep(AFTER_MS)
  await under.stop()
  const times = { killedAt, promotedAt, readyAway, readyAfter: await ready(gateways) }
  const urls = gateways.map(({ url }) => url)
  const found = await kept({ database: pair.urls[1], gateways: urls, done: under.done, books })
  const living = gateways.filter(({ pid }) => process.kill(pid, 0)).length
  for (const gateway of gateways) gateway.signal('SIGTERM')
  const exits = await Promise.all(gateways.map(({ exited }) => exited))
  const output = gateways.map(gateway => gateway.output())
  await pair.stop()
  await enclave.stop()
  const { streams, callers } = under
  const bounds = { bucket: { burst: BURST, stepMs: 60_000 / RPM }, concurrent: CONCURRENT_LIMIT }
  return { ...times, ...seen, streams, callers, books, found, ...bounds, living, exits, output }
}

function environment(patronis: string): Record<string, string> {
  return {
    PATRONI_URLS: patronis,
    DATABASE_NAME: 'postgres',
    DATABASE_USER: 'postgres',
    DATABASE_TLS: 'off',
    DATA_KEY: 'fa11'.repeat(16),
    // For a sign-in that needs no browser.
    DEV_MODE: 'true',
    RATE_LIMIT_RPM: String(RPM),
    RATE_LIMIT_BURST: String(BURST),
    CONCURRENT_LIMIT: String(CONCURRENT_LIMIT),
  }
}

/** What `/readyz` says, of each. */
function ready(gateways: readonly Gateway[]): Promise<number[]> {
  return Promise.all(gateways.map(async ({ url }) => (await fetch(`${url}/readyz`)).status))
}
