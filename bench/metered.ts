// bun bench/metered.ts [rounds]: what metering a sealed stream by its trailer adds to each event, in rounds that take turns.
import http from 'node:http'
import { type Subject, stage } from './parts.ts'
import { type Timing, timed } from './timing.ts'

const ROUNDS = Number(Bun.argv[2] ?? 7)
const STREAMS = 8

const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b)
const share = (values: readonly number[], part: number) =>
  sorted(values)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? Number.NaN

/** Median, lowest and highest of the rounds. */
function spread(values: readonly number[]): string {
  return `${share(values, 0.5).toFixed(0)} (${share(values, 0).toFixed(0)}–${share(values, 1).toFixed(0)})`
}

async function round(subject: Subject, authorization: string) {
  const agent = new http.Agent({ keepAlive: true })
  const streams: Timing[] = []
  for (let count = 0; count < STREAMS; count++)
    streams.push(await timed(subject, { authorization, agent, isSealed: true }))
  agent.destroy()
  const delays = streams.flatMap(({ delays }) => delays)
  const gaps = streams.flatMap(({ gaps }) => gaps)
  return {
    first: share(
      streams.map(({ first }) => first),
      0.5,
    ),
    delay: share(delays, 0.5),
    delay99: share(delays, 0.99),
    gap: share(gaps, 0.5),
    gap99: share(gaps, 0.99),
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
  const found = subjects.map((): Awaited<ReturnType<typeof round>>[] => [])
  for (let count = 0; count < ROUNDS; count++)
    for (const [at, subject] of subjects.entries()) found[at]?.push(await round(subject, on.authorization))
  process.stdout.write(
    `${ROUNDS} rounds of ${STREAMS} streams each, 32 events 10 ms apart; µs, median (lowest–highest)\n\n`,
  )
  process.stdout.write(
    '| name | first event | event p50 | event p99 | gap p50 | gap p99 |\n|---|---|---|---|---|---|\n',
  )
  for (const [at, { name }] of subjects.entries()) {
    const mine = found[at] ?? []
    const cells = (['first', 'delay', 'delay99', 'gap', 'gap99'] as const).map(figure =>
      spread(mine.map(one => one[figure])),
    )
    process.stdout.write(`| ${name} | ${cells.join(' | ')} |\n`)
  }
  const added = (['first', 'delay', 'delay99', 'gap', 'gap99'] as const).map(figure =>
    spread((found[2] ?? []).map((one, index) => one[figure] - (found[1]?.[index]?.[figure] ?? Number.NaN))),
  )
  process.stdout.write(`| added by the statement, round by round | ${added.join(' | ')} |\n`)
} finally {
  await on.stop()
}
