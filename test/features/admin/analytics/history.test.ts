import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Ending } from '../../../../src/protocol/exchange.ts'
import { analyticsOf } from '../../../kit/analytics.ts'
import { engines } from '../../../kit/engines.ts'
import { entry } from '../../../kit/entries.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const MIDNIGHT = Date.UTC(2026, 10, 22)
const LENGTHS = { hour: HOUR, day: DAY } as const

/** The same numbers each time: a linear congruential generator (Numerical Recipes). */
function dice(seed: number) {
  let state = seed
  const below = (most: number) => {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * most)
  }
  return { below, of: <T>(...some: readonly T[]): T => some[below(some.length)] as T }
}

/** Five days around a midnight, of requests that come in every way; many at the edges of hours and days. */
function scripted() {
  const { below, of } = dice(7)
  const at = () => MIDNIGHT + (below(120) - 60) * HOUR + of(0, -1, 1, HOUR / 2, below(HOUR))
  const entries = Array.from({ length: 1500 }, () => ({
    owner: `${of('u', 'j')}_${below(12).toString(16).repeat(32)}`,
    at: of(at(), at(), MIDNIGHT + of(-1, 0, 1)),
    ...{ prompt: below(1000), completion: below(1000), model: of('large', 'small', undefined) },
    cost: of(undefined, `${below(9000)}.${String(below(1e9)).padStart(12, '0')}`),
    status: of(200, 200, 200, 399, 400, 422, 499, 500, 504),
    ending: of<Ending>('complete', 'complete', 'cancelled', 'failed'),
    route: of('/v1/chat/completions', '/v1/responses', '/v1/models', '/v1/completions', '/v1/embeddings', '/v1/files'),
  }))
  const periods = Array.from({ length: 20 }, () => {
    const [one, other] = [of(at(), MIDNIGHT + (below(5) - 2) * DAY), at()]
    return { start: Math.min(one, other), end: Math.max(one, other) + 1 }
  })
  return { entries, periods }
}

type Made = ReturnType<typeof scripted>['entries'][number]

const countOf = <T>(some: readonly T[], is: (one: T) => boolean) => some.filter(is).length
const sumOf = <T>(some: readonly T[], of: (one: T) => number) => some.reduce((sum, one) => sum + of(one), 0)
const ANSWERED = /^\/v1\/(chat\/completions|responses|completions|embeddings)$/

/** What a row is to say, counted one request after the other. */
function row(at: number, some: readonly Made[]) {
  const pico = some.reduce((sum, { cost = '0.000000000000' }) => sum + BigInt(cost.replace('.', '')), 0n)
  const digits = String(pico).padStart(13, '0')
  return {
    at: new Date(at).toISOString(),
    requests: some.length,
    errors: countOf(some, ({ status, ending }) => status >= 500 || ending === 'failed'),
    cut: countOf(some, ({ ending }) => ending === 'cancelled'),
    prompt_tokens: sumOf(some, ({ prompt }) => prompt),
    completion_tokens: sumOf(some, ({ completion }) => completion),
    cost: `${digits.slice(0, -12)}.${digits.slice(-12)}`.replace(/\.?0+$/, '') || '0',
    callers: new Set(some.map(({ owner }) => owner)).size,
  }
}

describe.each(engines)('a scripted history on $name', ({ fresh }) => {
  const { entries, periods } = scripted()
  const within = ({ start, end }: { start: number; end: number }) => entries.filter(({ at }) => at >= start && at < end)
  let told: Awaited<ReturnType<typeof analyticsOf>>
  beforeAll(async () => {
    told = await analyticsOf(await fresh())
    for (const made of entries) told.book.enter(entry(made))
    await told.book.flush()
  })
  afterAll(() => told.stop())

  test.each(['hour', 'day'] as const)('is counted exactly by the %s, whatever the period', async bucket => {
    const length = LENGTHS[bucket]
    for (const period of periods) {
      const by = Map.groupBy(within(period), ({ at }) => Math.floor(at / length))
      const [first, after] = [Math.floor(period.start / length), Math.ceil(period.end / length)]
      const rows = Array.from({ length: after - first }, (_, n) => row((first + n) * length, by.get(first + n) ?? []))
      expect(await told.series({ ...period, bucket })).toEqual({ bucket, rows })
    }
  })

  test('tells the busiest callers, and when each was last there', async () => {
    for (const period of periods) {
      const by = [...Map.groupBy(within(period), ({ owner }) => owner)]
        .sort(([a, m], [b, n]) => n.length - m.length || (a < b ? -1 : 1))
        .map(([owner, own]) => ({ owner, count: own.length, last: Math.max(...own.map(({ at }) => at)) }))
      const users = await told.topUsers({ ...period, limit: 10 })
      expect(
        users.map(({ owner, activity_count, last_active }) => ({
          ...{ owner, count: activity_count, last: Date.parse(last_active ?? '') },
        })),
      ).toEqual(by.slice(0, 10))
    }
  })

  test('tells how many answers there were, and how many users had some part in it', async () => {
    for (const period of periods) {
      const own = within(period)
      const { user_metrics, activity_metrics } = await told.overview(period)
      expect([user_metrics.active_users, activity_metrics.total_responses]).toEqual([
        new Set(own.flatMap(({ owner }) => (owner.startsWith('u_') ? [owner] : []))).size,
        countOf(own, ({ route, status }) => ANSWERED.test(route) && status < 400),
      ])
    }
  })
})

describe.each(engines)('on $name', ({ fresh }) => {
  let told: Awaited<ReturnType<typeof analyticsOf>>
  beforeAll(async () => {
    told = await analyticsOf(await fresh())
  })
  afterAll(() => told.stop())

  test('more callers than are read at once are counted, each once, in hours and parts of hours', async () => {
    const owners = Array.from({ length: 1003 }, (_, at) => `j_${at}`)
    for (const owner of owners)
      for (const model of ['a', 'b']) told.book.enter(entry({ owner, model, at: MIDNIGHT + HOUR + 5 }))
    await told.book.flush()
    for (const [start, end] of [
      [MIDNIGHT, MIDNIGHT + DAY],
      [MIDNIGHT + HOUR, MIDNIGHT + 2 * HOUR],
      [MIDNIGHT + HOUR + 5, MIDNIGHT + HOUR + 6],
    ] as const) {
      const { rows } = await told.series({ start, end, bucket: 'day' })
      expect(rows).toMatchObject([{ requests: 2006, callers: 1003 }])
      expect(await told.topUsers({ start, end, limit: 2 })).toMatchObject([
        { owner: 'j_0', activity_count: 2 },
        { owner: 'j_1', activity_count: 2 },
      ])
    }
  })

  test('a cost beyond what a number holds is told to its last digit', async () => {
    const start = MIDNIGHT + 3 * DAY
    // 9,007.199254740993 dollars are 2^53 + 1 in the ledger.
    for (const cost of ['9007.199254740993', '0.000000000001', '9007.199254740993'])
      told.book.enter(entry({ owner: 'j_rich', at: start + 1, cost }))
    await told.book.flush()
    for (const end of [start + 2, start + DAY])
      expect((await told.series({ start, end, bucket: 'hour' })).rows[0]?.cost).toBe('18014.398509481987')
  })

  test('nothing is told of a time when nothing was', async () => {
    const empty = { start: -62_135_596_800_000, end: MIDNIGHT - DAY }
    expect(await told.topUsers({ ...empty, limit: 10 })).toEqual([])
    expect((await told.overview(empty)).activity_metrics.total_responses).toBe(0)
  })
})
