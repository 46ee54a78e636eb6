import type { Figure } from '../claim.ts'
import type { Entry } from '../enclave-with-books.ts'
import { type Admitted, type Bucket, windowsOf } from '../law.ts'
import type { Answer, Seen } from './asking.ts'
import type { Kept } from './kept.ts'
import type { Streamed } from './load.ts'

/** All that was seen of one failover; times in milliseconds since the epoch. */
export interface Round extends Seen {
  readonly killedAt: number
  readonly promotedAt: number
  /** What `/readyz` said of each gateway, without the database and in the end. */
  readonly readyAway: readonly number[]
  readonly readyAfter: readonly number[]
  readonly streams: readonly Streamed[]
  readonly callers: ReadonlyMap<number, string>
  readonly books: ReadonlyMap<number, Entry>
  readonly found: readonly Kept[]
  readonly bucket: Bucket
  readonly concurrent: number
  /** How many gateways lived to the end, and how they ended when they were told to. */
  readonly living: number
  readonly exits: readonly number[]
  readonly output: readonly string[]
}

const LIMIT_MS = 5000
// As long as a statement may take: a refund waits no longer.
const REFUND_MS = 10_000
const ms = (value: number) => `${value.toFixed(0)} ms`
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

/** The figures of all rounds. */
export function table(rounds: readonly Round[]): Figure[] {
  const kinds = rounds[0]?.found.map(({ what }) => what) ?? []
  return [
    ...rounds.map(away),
    ...kinds.map(what => durable(what, rounds)),
    rate(rounds),
    open(rounds),
    streams(rounds),
    undisturbed(rounds),
  ]
}

function away({ answers, killedAt, promotedAt, readyAway, readyAfter }: Round, round: number): Figure {
  const refused = answers.filter(({ status }) => status === 503)
  const last = Math.max(...refused.map(({ at }) => at)) - promotedAt
  const served = answers.filter(({ status, sentAt }) => status < 300 && sentAt > killedAt)
  const gateways = [...new Set(answers.map(({ gateway }) => gateway))].toSorted()
  const firsts = gateways.map(
    one => Math.min(...served.filter(it => it.gateway === one).map(({ at }) => at)) - promotedAt,
  )
  const slowest = Math.max(...refused.map(({ at, sentAt }) => at - sentAt))
  const health = `/readyz ${readyAway.join(', ')}, then ${readyAfter.join(', ')}`
  const first = `the first success after ${firsts.map(ms).join(' and ')}`
  const is = `${ms(last)} (limit ${ms(LIMIT_MS)}), ${first}; ${refused.length} in ${ms(promotedAt - killedAt + last)}, the slowest took ${ms(slowest)}; ${health}`
  const isHealthy = readyAway.every(it => it === 503) && readyAfter.every(it => it === 200)
  const holds = refused.length > 0 && last < LIMIT_MS && firsts.every(it => it < LIMIT_MS) && isHealthy
  return { what: `503s after promotion ${round + 1}:`, is, holds }
}

function durable(what: string, rounds: readonly Round[]): Figure {
  const found = rounds.flatMap(round => round.found.filter(it => it.what === what))
  const [acknowledged, lost, doubled] = (['acknowledged', 'lost', 'doubled'] as const).map(of =>
    sum(found.map(it => it[of])),
  )
  const is = `${acknowledged} acknowledged, ${lost} lost, ${doubled} twice`
  return { what: `${what}:`, is, holds: acknowledged !== 0 && lost === 0 && doubled === 0 }
}

const isAdmitted = ({ status }: Answer) => status < 300
const isRefunded = ({ status, code }: Answer) => status === 503 || code === 'concurrent_limit_exceeded'

/** Over every window, also those in which the primary was killed. */
function rate(rounds: readonly Round[]): Figure {
  let [windows, least, strict, admitted] = [0, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0]
  for (const { answers, bucket } of rounds) {
    const limited = answers.filter(({ caller }) => !caller.startsWith('guest-'))
    const own: Admitted[] = limited
      .filter(isAdmitted)
      .map(({ caller, sentAt, at }) => ({ caller, asked: sentAt, arrived: at }))
    const refunds = Map.groupBy(limited.filter(isRefunded), ({ caller }) => caller)
    const givenBack = (caller: string, begin: number, end: number) =>
      (refunds.get(caller) ?? []).filter(({ at, sentAt }) => at >= begin - REFUND_MS && sentAt <= end).length
    const all = windowsOf(own, bucket, givenBack)
    const hurried = own.filter(({ caller }) => caller.startsWith('hurried-'))
    windows += all.windows
    least = Math.min(least, all.least)
    strict = Math.min(strict, windowsOf(hurried, bucket).least)
    admitted += own.length
  }
  const refused = sum(rounds.map(({ answers }) => answers.filter(({ code }) => code === 'rate_limited').length))
  const is = `kept with ${strict.toFixed(2)} requests to spare without what was given back, by callers who only hurry (by all others with it ${least.toFixed(2)}; limit 0), in ${windows} windows; ${admitted} admitted, ${refused} refused`
  return { what: 'the limiter’s law:', is, holds: Math.min(strict, least) >= 0 && refused > 100 }
}

/** What the enclave had open at once of one caller. */
function open(rounds: readonly Round[]): Figure {
  const limit = rounds[0]?.concurrent ?? 0
  const most = Math.max(...rounds.map(mostOpen))
  const refused = sum(
    rounds.map(({ answers }) => answers.filter(({ code }) => code === 'concurrent_limit_exceeded').length),
  )
  const is = `${most} at the enclave (limit ${limit}), ${refused} refused`
  return { what: 'open requests of one caller at once:', is, holds: most === limit && refused > 100 }
}

function mostOpen({ books, callers }: Round): number {
  const byCaller = Map.groupBy(books, ([number]) => callers.get(number))
  return Math.max(
    ...[...byCaller.values()].map(own => {
      const steps = own.flatMap(([, { at, endedAt = at }]) => [
        { at, by: 1 },
        { at: endedAt, by: -1 },
      ])
      let now = 0
      return Math.max(...steps.toSorted((a, b) => a.at - b.at || a.by - b.by).map(({ by }) => (now += by)))
    }),
  )
}

function streams(rounds: readonly Round[]): Figure {
  const all = rounds.flatMap(({ streams, killedAt, promotedAt }) =>
    streams.map(it => ({
      ...it,
      wasThere: it.from < killedAt && it.to > killedAt,
      till: it.from < killedAt && it.to > promotedAt,
    })),
  )
  const there = all.filter(({ wasThere }) => wasThere)
  const whole = there.filter(({ isWhole }) => isWhole).length
  const is = `${whole} whole of ${there.length} under way at the kill, ${there.filter(({ till }) => till).length} of them until after the promotion; ${all.filter(it => !it.isWhole).length} of all ${all.length} cut`
  return { what: 'streams:', is, holds: there.length > 0 && all.every(it => it.isWhole) }
}

/** No process ended or met with what it does not know. */
function undisturbed(rounds: readonly Round[]): Figure {
  const strange = [...rounds.flatMap(it => it.strange), ...rounds.flatMap(({ output }) => output.flatMap(unknownIn))]
  for (const line of strange.slice(0, 20)) console.error(line)
  const living = sum(rounds.map(it => it.living))
  const gateways = rounds.flatMap(({ exits }) => exits)
  const is = `${living} of ${gateways.length} as they were started, ended by ${[...new Set(gateways)].join(', ')}; ${strange.length} broken connections, undocumented answers and unknown faults`
  return {
    what: 'gateways:',
    is,
    holds: living === gateways.length && gateways.every(it => it === 0) && strange.length === 0,
  }
}

/** Lines of a log that tell of a fault of ours, or of another one than a database that is away, or not there yet. */
function unknownIn(output: string): string[] {
  return output.split('\n').filter(line => {
    const [, level, words = ''] = /^\S+Z (\w+) +(.*)/.exec(line) ?? []
    return (
      / status=500/.test(words) ||
      (level === 'error' && !/^cluster_failed cluster=(unreachable|read_only) |database_unavailable/.test(words))
    )
  })
}
