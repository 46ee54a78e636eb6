import http from 'node:http'
import { added, quantile, spread, type Table, times } from '../figures.ts'
import type { Subject } from '../parts.ts'
import { cpuMicroseconds } from '../proc.ts'
import { cut, timed } from '../timing.ts'
import { type Cast, inTurn, type Told } from './cast.ts'

const EVENTS = 64
const PACE_MS = 20
const AT_ONCE = 32
// No multiple of the pace: they spread over it.
const APART_MS = 7
const CUT = 50
const SETTLED_MS = 300
const WARM_ROUNDS = 3

interface Streaming {
  readonly upstream: Subject
  readonly form: 'sealed' | 'open'
}

/** What streams of 64 events, 20 ms apart, pay for: to begin, for each event, and to be left. */
export async function streams(cast: Cast): Promise<Table[]> {
  const tables: Table[] = []
  for (const [at, form] of (['open', 'sealed'] as const).entries()) {
    const port = 7631 + 4 * at
    const upstream = await cast.on.pacing(port, { states: 'stating', events: EVENTS, paceMs: PACE_MS, form })
    const subjects = [
      { ...upstream, name: 'direct' },
      await cast.on.nginx(upstream, port + 1),
      await cast.on.sealgate(upstream, port + 2),
    ]
    tables.push(await cell(cast, subjects, { upstream, form }))
    for (const subject of subjects) await cast.on.end(subject)
  }
  return tables
}

async function cell(cast: Cast, subjects: readonly Subject[], { upstream, form }: Streaming): Promise<Table> {
  const asking = { authorization: cast.on.authorization, isSealed: form === 'sealed' }
  for (let warm = 0; warm < WARM_ROUNDS; warm++) for (const subject of subjects) await round(subject, upstream, asking)
  const found = await inTurn(subjects, cast.rounds, subject => round(subject, upstream, asking))
  const of = (at: number, figure: keyof Round) => (found[at] ?? []).map(one => one[figure])
  const beside = (at: number, figure: keyof Round) => (at === 0 ? '–' : added(of(at, figure), of(0, figure)))
  return {
    title: `${AT_ONCE} ${form} streams at once, ${EVENTS} events ${PACE_MS} ms apart; then ${CUT} that are left at the first`,
    rows: subjects.map(({ name }, at) => ({
      name,
      'first event µs': spread(of(at, 'first')),
      'added first µs': beside(at, 'first'),
      'event p50 µs': spread(of(at, 'delay')),
      'added event p50 µs': beside(at, 'delay'),
      'added event p99 µs': beside(at, 'delay99'),
      'gap p99 ms': spread(of(at, 'gap99').map(us => us / 1000)),
      'CPU µs/event': spread(of(at, 'cpu')),
      'CPU × nginx': times(of(at, 'cpu'), of(1, 'cpu')),
      'left, upstream free after ms': spread(of(at, 'gone').map(us => us / 1000)),
      'stolen %': spread(of(at, 'stolen')),
    })),
  }
}

type Round = Told<Awaited<ReturnType<typeof round>>>

async function round(subject: Subject, upstream: Subject, how: { authorization: string; isSealed: boolean }) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })
  const asking = { ...how, agent }
  const before = cpuMicroseconds(subject.pid)
  // Each begins while the others rest between two events, not all in one moment.
  const begun = async (at: number) => {
    await Bun.sleep(at * APART_MS)
    return await timed(subject, asking)
  }
  const all = await Promise.all(Array.from({ length: AT_ONCE }, (_, at) => begun(at)))
  const cpu = (cpuMicroseconds(subject.pid) - before) / (AT_ONCE * EVENTS)
  const left = await Promise.all(Array.from({ length: CUT }, () => cut(subject, asking)))
  agent.destroy()
  await Bun.sleep(SETTLED_MS)
  const ended = await goneAt(upstream)
  const [delays, gaps] = [all.flatMap(({ delays }) => delays), all.flatMap(({ gaps }) => gaps)]
  return {
    first: quantile(
      all.map(({ first }) => first),
      0.5,
    ),
    delay: quantile(delays, 0.5),
    delay99: quantile(delays, 0.99),
    gap99: quantile(gaps, 0.99),
    cpu,
    gone: quantile(
      left.map(({ id, at }) => (ended[id] ?? Number.NaN) - at),
      0.5,
    ),
  }
}

const goneAt = async ({ url }: Subject): Promise<Readonly<Record<string, number>>> =>
  Object(await (await fetch(`${url}/gone`)).json())
