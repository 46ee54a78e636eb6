import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { clockAt } from '../../kit/clock.ts'
import { countingUpstream } from '../../kit/counting.ts'
import { engines } from '../../kit/engines.ts'
import { type Kit, startGateway } from '../../kit/gateway.ts'

/** After any day on which this runs; a token that lasts is good then. */
const NOON = Date.UTC(2049, 10, 22, 12)
const LONG = ['inference', 1e9] as const
const clock = clockAt(NOON)
const upstream = countingUpstream()
afterAll(upstream.stop)
let kit: Kit

interface Report {
  start: string
  end: string
  total: { requests: number }
  by_model: { model: string | null; requests: number }[]
  by_day: { day: string; requests: number }[]
}

const ask = async (query = '', subject = 'ada') =>
  fetch(`${kit.url}/v1/usage${query}`, { headers: await kit.bearer(subject, ...LONG) })
const report = async (query = '', subject = 'ada') => (await (await ask(query, subject)).json()) as Report
const models = async (subject: string) => {
  await (await fetch(`${kit.url}/v1/models`, { headers: await kit.bearer(subject, ...LONG) })).text()
}

describe.each(engines)('usage on $name', ({ fresh }) => {
  beforeAll(async () => {
    kit = await startGateway({ upstream: upstream.url, now: clock.now, database: await fresh() })
  })
  afterAll(() => kit.stop())

  test('tells of the caller’s last request, which may have been this moment, and nobody else’s', async () => {
    await models('carol')
    await models('dave')
    await models('dave')
    const told = await report('', 'dave')
    const sums = {
      requests: 2,
      ...{ prompt_tokens: 0, completion_tokens: 0, cached_tokens: 0, total_tokens: 0, cost: '0', estimated: 0 },
    }
    expect(told).toEqual({
      start: '2049-10-23T12:00:00.001Z',
      end: '2049-11-22T12:00:00.001Z',
      total: sums,
      by_model: [{ model: null, ...sums }],
      by_day: [{ day: '2049-11-22', ...sums }],
    } as unknown as Report)
  })

  test('of nothing is nothing', async () => {
    const { total, by_model, by_day } = await report('', 'eve')
    expect([total.requests, by_model, by_day]).toEqual([0, [], []])
  })

  test('is stored nowhere on its way', async () => {
    expect((await ask()).headers.get('cache-control')).toBe('no-store')
  })

  test.each([
    ['?start=2049-11-01', '2049-11-01T00:00:00.000Z', '2049-11-22T12:00:00.001Z'],
    ['?end=2049-11-01', '2049-10-02T00:00:00.000Z', '2049-11-01T00:00:00.000Z'],
    ['?start=2049-11-01&end=2049-11-02', '2049-11-01T00:00:00.000Z', '2049-11-02T00:00:00.000Z'],
    [
      '?end=2049-11-02T01:00:00%2B02:00&start=2049-11-01T00:00:00.5z',
      '2049-11-01T00:00:00.500Z',
      '2049-11-01T23:00:00.000Z',
    ],
    ['?', '2049-10-23T12:00:00.001Z', '2049-11-22T12:00:00.001Z'],
  ])('of %s is of %s until %s', async (query, start, end) => {
    expect(await report(query)).toMatchObject({ start, end })
  })

  test.each([
    ['?from=2049-11-01', 'this route takes "start" and "end", and nothing else.'],
    ['?start=2049-11-01&x', 'this route takes "start" and "end", and nothing else.'],
    ['?Start=2049-11-01', 'this route takes "start" and "end", and nothing else.'],
    ['?start=2049-11-01&start=2049-11-01', '"start" is given twice.'],
    ['?start=', '"start" must be a date'],
    ['?start=yesterday', '"start" must be a date'],
    ['?end=2049-11-01T00:00:00', '"end" must be a date'],
    ['?end=2049-11-01T00:00:00+01:00', 'a "+" in it is written %2B.'],
    ['?start=%ff', '"start" must be a date'],
    ['?start=2049-11-02&end=2049-11-02', '"start" must be before "end"'],
    ['?start=2049-11-03&end=2049-11-02', '"start" must be before "end"'],
    ['?start=2050-01-01', '"start" must be before "end"'],
  ])('of %s is refused: %s', async (query, why) => {
    const answer = await ask(query)
    const { error } = (await answer.json()) as { error: { code: string; message: string } }
    expect([answer.status, error.code]).toEqual([400, 'invalid_query'])
    expect(error.message).toContain(why)
  })
})
