import { claim, type Figure, type Ground } from './kit/claim.ts'
import { chatBackend } from './kit/crowd/backend.ts'
import type { Told } from './kit/crowd/chat.ts'
import { fleet } from './kit/crowd/fleet.ts'
import { type Killed, killing } from './kit/crowd/killing.ts'
import { exhausted, limiterLaw, openLaw, tokenLaw } from './kit/crowd/laws.ts'
import { ledgerFigure } from './kit/crowd/ledger.ts'
import { load } from './kit/crowd/load.ts'
import { retiring, shuttingOut } from './kit/crowd/reaching.ts'
import { becomes } from './kit/wire.ts'

const CALLERS = 200
const LIMITS = { rpm: 20, burst: 10, open: 8, tokens: 80_000 }
const WARM_MS = 2000
// For callers to come to their limit, on a slow machine.
const PATIENCE_MS = 20_000
const ANSWERS = new Set<string | number>([
  ...[200, 'rate_limited', 'concurrent_limit_exceeded', 'token_limit_exceeded', 'model_not_available'],
])
// What a killed worker had accepted and not yet answered.
const BROKEN_MS = 1500

await claim(
  {
    name: 'crowd',
    says: `three gateways of two workers on one PostgreSQL under ${CALLERS} callers keep every limit as one, shut out everywhere within 5 s, and outlive a kill -9`,
    withinSeconds: 90,
  },
  prove,
)

async function prove(ground: Ground): Promise<Figure[]> {
  const backend = ground.also(await chatBackend())
  const gateways = await fleet(ground, backend, {
    RATE_LIMIT_RPM: String(LIMITS.rpm),
    RATE_LIMIT_BURST: String(LIMITS.burst),
    CONCURRENT_LIMIT: String(LIMITS.open),
    TOKEN_LIMIT_DAY: String(LIMITS.tokens),
  })
  const crowd = await load(CALLERS, gateways, ground)
  await Bun.sleep(WARM_MS)
  const { killed, told: held, freed } = await killing(LIMITS.open, gateways, backend, ground)
  const scene = { fleet: gateways, backend, ground, crowd: crowd.all }
  const [out, model] = await Promise.all([shuttingOut(scene), retiring(scene)])
  const slots = await freed
  await becomes(() => exhausted(crowd.all).size > CALLERS * 0.95, PATIENCE_MS)
  const seconds = await crowd.stop()
  await gateways.population.close()
  for (const gateway of gateways.gateways) gateway.signal('SIGTERM')
  await Promise.all(gateways.gateways.map(({ exited }) => exited))
  const told = [...crowd.all, ...held, ...out.told]
  const { visits } = backend
  return [
    whole(crowd.all, seconds, killed),
    limiterLaw(told, visits, LIMITS),
    openLaw(visits, LIMITS),
    tokenLaw(told, visits, LIMITS),
    ...out.figures,
    model,
    ...slots,
    await ledgerFigure(gateways, visits, told, killed),
  ]
}

/** What became of the crowd's requests: each was answered as documented, but for those that the killed worker had. */
function whole(told: readonly Told[], seconds: number, { at, goneAt }: Killed): Figure {
  const counts = new Map<string, number>()
  const wrong: Told[] = []
  let broken = 0
  for (const one of told) {
    const isAnswered = one.isWhole && ANSWERS.has(one.code ?? one.status)
    const name = isAnswered ? (one.code ?? 'answered') : 'broken'
    counts.set(name, (counts.get(name) ?? 0) + 1)
    if (isAnswered) continue
    if (one.status < 500 && one.askedAt < goneAt + BROKEN_MS && one.endedAt > at - BROKEN_MS) broken++
    else wrong.push(one)
  }
  for (const one of wrong.slice(0, 5)) console.error(JSON.stringify(one))
  const list = [...counts].map(([name, count]) => `${count} ${name}`).join(', ')
  const callers = new Set(told.map(({ caller }) => caller)).size
  const is = `${told.length} requests of ${callers} callers in ${seconds.toFixed(0)} s: ${list}; ${broken} broke with the killed worker, ${wrong.length} otherwise`
  return { what: 'the load:', is, holds: wrong.length === 0 && callers === CALLERS }
}
