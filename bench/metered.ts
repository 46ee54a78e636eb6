// bun bench/metered.ts [rounds]: what metering a sealed stream by its trailer adds to each event, in rounds that take turns.
import http from 'node:http'
import { inTurn, type Told } from './cells/cast.ts'
import { added, type Figure, markdown, median, quantile, spread } from './figures.ts'
import { type Subject, stage } from './parts.ts'
import { type Timing, timed } from './timing.ts'

const ROUNDS = Number(Bun.argv[2] ?? 7)
const STREAMS = 8

/** Each figure in microseconds. */
async function round(subject: Subject, authorization: string) {
  const agent = new http.Agent({ keepAlive: true })
  const streams: Timing[] = []
  for (let count = 0; count < STREAMS; count++)
    streams.push(await timed(subject, { authorization, agent, isSealed: true }))
  agent.destroy()
  const [delays, gaps] = [streams.flatMap(({ delays }) => delays), streams.flatMap(({ gaps }) => gaps)]
  return {
    'first event': median(streams.map(({ first }) => first)),
    'event p50': median(delays),
    'event p99': quantile(delays, 0.99),
    'gap p50': median(gaps),
    'gap p99': quantile(gaps, 0.99),
  }
}

const on = await stage()
try {
  const silent = await on.pacing(7641, { states: 'silent' })
  const stating = await on.pacing(7642, { states: 'stating' })
  const subjects = [
    { ...stating, name: 'direct' },
    { ...(await on.sealgate(silent, 7643)), name: 'through sealgate, nothing stated' },
    { ...(await on.sealgate(stating, 7644)), name: 'through sealgate, stated in a trailer' },
  ]
  for (const subject of subjects) await round(subject, on.authorization)
  const found = await inTurn(subjects, ROUNDS, subject => round(subject, on.authorization))
  type Name = keyof Told<Awaited<ReturnType<typeof round>>>
  const of = (at: number, name: Name) => (found[at] ?? []).map(one => one[name])
  const row = (name: string, figure: (name: Name) => Figure) => {
    const figures = (Object.keys(found[0]?.[0] ?? {}) as Name[]).filter(each => each !== 'stolen')
    return { name, ...Object.fromEntries(figures.map(each => [each, figure(each)])) }
  }
  const rows = [
    ...subjects.map(({ name }, at) => row(name, figure => spread(of(at, figure)))),
    row('added by the statement, round by round', figure => added(of(2, figure), of(1, figure))),
  ]
  const title = `${ROUNDS} rounds of ${STREAMS} streams each, 32 events 10 ms apart; µs, median (lowest–highest)`
  process.stdout.write(markdown({ title, rows }))
} finally {
  await on.stop()
}
