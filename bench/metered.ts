// bun bench/metered.ts [rounds]: what metering a sealed stream by its trailer adds to each event, in rounds that take turns.
import http from 'node:http'
import { type Subject, stage } from './parts.ts'

const ROUNDS = Number(Bun.argv[2] ?? 7)
const STREAMS = 8

/** One stream's figures, in microseconds. */
interface Timing {
  /** From the request to its first event. */
  readonly first: number
  /** From the moment each event was sent until it was here. */
  readonly delays: readonly number[]
  /** Between two events. */
  readonly gaps: readonly number[]
}

/** Microseconds since the epoch, alike in all processes of a machine. */
const now = () => (performance.timeOrigin + performance.now()) * 1000

/** Sends a request that claims a seal and times the frames of its answer. */
function time(subject: Subject, authorization: string, agent: http.Agent): Promise<Timing> {
  return new Promise((resolve, reject) => {
    const body = Buffer.alloc(400)
    body.writeUInt32BE(396, 0)
    const key = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('hex')
    const headers = { authorization, 'ehbp-encapsulated-key': key, 'content-length': body.length }
    const began = now()
    const arrivals: { at: number; sent: number }[] = []
    const request = http.request(`${subject.url}/v1/chat/completions`, { method: 'POST', headers, agent }, answer => {
      answer.on('data', (chunk: Buffer) => {
        const at = now()
        for (const [, sent = '0'] of chunk.toString('latin1').matchAll(/t=(\d+);/g))
          arrivals.push({ at, sent: Number(sent) })
      })
      answer.on('error', reject)
      answer.on('end', () => {
        resolve({
          first: (arrivals[0]?.at ?? Number.NaN) - began,
          delays: arrivals.map(({ at, sent }) => at - sent),
          gaps: arrivals.slice(1).map(({ at }, index) => at - (arrivals[index]?.at ?? Number.NaN)),
        })
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}

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
  for (let count = 0; count < STREAMS; count++) streams.push(await time(subject, authorization, agent))
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
  const silent = await on.pacing('silent', 7641)
  const stating = await on.pacing('stating', 7642)
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
