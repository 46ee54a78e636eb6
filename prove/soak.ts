// bun run soak [minutes]: what lasts. Ten minutes unless told; its samples and its plot go to soak-result/.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DATA_KEY } from '../test/kit/database.ts'
import { postgresServer } from '../test/kit/postgres.ts'
import { claim, type Figure, type Ground } from './kit/claim.ts'
import { enclaveWithBooks } from './kit/enclave-with-books.ts'
import { rotatingIssuer } from './kit/soak/issuer.ts'
import { ledgerFigure } from './kit/soak/ledger.ts'
import { type Outcome, soaking } from './kit/soak/load.ts'
import { plot } from './kit/soak/plot.ts'
import { ends, lows, risePerTenMinutes, type Sample, sampling } from './kit/soak/samples.ts'

const MINUTES = Number(process.argv[2] ?? 10)
const ROTATED_AT = [0.25, 0.5, 0.75]
const RESTARTED_AT = [0.4, 0.7]
// A gateway that was asked for a key that nobody has looks for new ones again after 30 s.
const KNOWN_MS = 35_000
const AWAY_MS = 3000
// A statement that waited when the server went may be told of it that much later.
const AFTER_MS = 12_000
const RISE_MB = 1
// Of what a tenth of the requests uses and then waits for the next one.
const DESCRIPTORS = 16
const SLOWER = 1.5
const mb = (megabytes: number) => megabytes.toFixed(2)

await claim(
  {
    name: 'soak',
    says: `${MINUTES} minutes of everything at once leave memory, descriptors and p99 where they were, and books and receipts right`,
    withinSeconds: MINUTES * 60 + 300,
  },
  prove,
)

async function prove(ground: Ground): Promise<Figure[]> {
  const [enclave, issuer, postgres] = [
    ground.also(await enclaveWithBooks()),
    await rotatingIssuer(),
    await postgresServer(),
  ]
  ground.also(issuer)
  ground.also(postgres)
  const env = { DATABASE_URL: postgres.url, DATA_KEY, JWKS_URL: issuer.jwksUrl }
  const limits = { RATE_LIMIT_RPM: '60000', RATE_LIMIT_BURST: '1000', CONCURRENT_LIMIT: '64' }
  const gateway = await ground.gateway(enclave.url, { ...env, ...limits })
  const samples = sampling(gateway.pid)
  const events: { minute: number; what: string }[] = []
  let backAt = 0
  const load = soaking({ gateway, issuer, isAway: () => Date.now() < backAt + AFTER_MS, took: samples.took })
  const began = performance.now()
  const at = (share: number) => Bun.sleep(Math.max(0, share * MINUTES * 60_000 - (performance.now() - began)))
  const happened = (what: string) => void events.push({ minute: (performance.now() - began) / 60_000, what })

  const rotating = async () => {
    for (const share of ROTATED_AT) {
      await at(share)
      const key = await issuer.rotate()
      await Bun.sleep(KNOWN_MS)
      key.begin()
      load.renew()
      happened('another key signs')
      await Bun.sleep(KNOWN_MS)
      key.end()
    }
  }
  const restarting = RESTARTED_AT.map(async share => {
    await at(share)
    happened('the database restarts')
    backAt = Number.POSITIVE_INFINITY
    await postgres.stop()
    await Bun.sleep(AWAY_MS)
    await postgres.start()
    backAt = Date.now()
  })
  await Promise.all([at(1), rotating(), ...restarting])
  await load.stop()
  samples.stop()
  gateway.signal('SIGTERM')
  await gateway.exited
  await keep(samples.samples, events)
  return [...figures(load.outcome, samples.samples), await ledgerFigure(postgres.url, enclave.books)]
}

async function keep(samples: readonly Sample[], events: readonly { minute: number; what: string }[]): Promise<void> {
  const folder = join(process.cwd(), 'soak-result')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'samples.json'), JSON.stringify({ samples, events }))
  writeFileSync(join(folder, 'soak.svg'), await plot(samples, events))
}

function figures({ counts, strange, held, unheld }: Outcome, samples: readonly Sample[]): Figure[] {
  for (const line of [...strange.slice(0, 5), ...unheld.slice(0, 5)]) console.error(line)
  // Memory is taken as it is first needed: a fifth of the time, and two minutes where there are so many.
  const warm = samples.filter(({ minute }) => minute > Math.max(MINUTES / 5, Math.min(2, MINUTES / 3)))
  // A short run cannot tell a small rise from none, and says so by how far apart the two ends are.
  const rise = risePerTenMinutes(lows(warm))
  const [memory, memoryLater] = ends(lows(warm), sample => sample.memory)
  const [open, openLater] = ends(warm, ({ descriptors }) => descriptors)
  const [p99, p99Later] = ends(warm, sample => sample.p99)
  const all = [...counts.values()].reduce((sum, count) => sum + count, 0)
  const list = [...counts].map(([what, count]) => `${count} ${what}`).join(', ')
  return [
    {
      what: 'the load:',
      is: `${all} requests: ${list}; ${strange.length} otherwise`,
      holds: strange.length === 0 && all > 0,
    },
    {
      what: 'resident memory:',
      is: `rises ${mb(rise.median)} MB in ten minutes (${mb(rise.low)} to ${mb(rise.high)} with 95 %, limit ${RISE_MB}), from ${mb(memory)} to ${mb(memoryLater)} MB`,
      holds: rise.low < RISE_MB,
    },
    { what: 'descriptors:', is: `${open}, later ${openLater}`, holds: openLater - open <= DESCRIPTORS },
    {
      what: 'p99 of small chats:',
      is: `${p99.toFixed(1)} ms, later ${p99Later.toFixed(1)} ms`,
      holds: p99Later < p99 * SLOWER,
    },
    { what: 'receipts that hold:', is: `${held}; ${unheld.length} do not`, holds: unheld.length === 0 && held > 0 },
  ]
}
