import { afterAll, describe, expect, test } from 'bun:test'
import { assert, double, property } from 'fast-check'
import { duration } from '../../src/gate/refusals.ts'
import { clockAt } from '../kit/clock.ts'
import { countingUpstream } from '../kit/counting.ts'
import { type KitOptions, startGateway } from '../kit/gateway.ts'

const upstream = countingUpstream(() =>
  Response.json({}, { headers: { 'x-ratelimit-limit-requests': '999', 'x-ratelimit-remaining-tokens': '5' } }),
)
afterAll(() => upstream.stop())

async function start(options: Partial<KitOptions> = {}) {
  const clock = clockAt(Math.floor(Date.now() / 1000) * 1000)
  const kit = await startGateway({ upstream: upstream.url, rpm: 60, burst: 2, now: clock.now, ...options })
  const ask = async (path = '/v1/models', init: RequestInit = {}) =>
    fetch(kit.url + path, { headers: await kit.bearer(), ...init })
  return { kit, clock, ask }
}

/** What an answer says of the limit. */
function told({ status, headers }: Response) {
  const limits = ['limit', 'remaining', 'reset'].map(name => headers.get(`x-ratelimit-${name}-requests`))
  return [status, ...limits, headers.get('retry-after'), headers.get('retry-after-ms')]
}

describe('a limited route', () => {
  test('tells with every answer how much is left and when it is all there again', async () => {
    const { kit, clock, ask } = await start()
    expect(told(await ask())).toEqual([200, '60', '1', '1s', null, null])
    expect(told(await ask())).toEqual([200, '60', '0', '2s', null, null])
    expect(told(await ask())).toEqual([429, '60', '0', '2s', '1', '1000'])
    clock.pass(250)
    expect(told(await ask())).toEqual([429, '60', '0', '1.75s', '1', '750'])
    clock.pass(749)
    expect(told(await ask())).toEqual([429, '60', '0', '1.001s', '1', '1'])
    clock.pass(1)
    expect(told(await ask())).toEqual([200, '60', '0', '2s', null, null])
    clock.pass(1999)
    expect(told(await ask())).toEqual([200, '60', '0', '1.001s', null, null])
    await kit.stop()
  })

  test('rounds up what is no whole second or millisecond', async () => {
    const { kit, ask } = await start({ rpm: 7, burst: 1 })
    expect(told(await ask())).toEqual([200, '7', '0', '8.572s', null, null])
    expect(told(await ask())).toEqual([429, '7', '0', '8.572s', '9', '8572'])
    await kit.stop()
  })

  test('refuses in the shape of every other refusal, and asks the upstream nothing', async () => {
    const { kit, ask } = await start({ burst: 1 })
    await ask()
    const { length } = upstream.requests
    const refused = await ask('/v1/chat/completions', { method: 'POST', body: '{}', headers: await kit.bearer() })
    expect(refused.status).toBe(429)
    expect(refused.headers.get('content-type')).toStartWith('application/json')
    expect(await refused.json()).toEqual({
      error: {
        message: 'Rate limit of 60 requests a minute reached: try again in 1s.',
        type: 'rate_limit_error',
        param: null,
        code: 'rate_limited',
      },
    })
    expect(upstream.requests).toHaveLength(length)
    await kit.stop()
  })

  test('has one bucket a caller for all routes and methods', async () => {
    const { kit, ask } = await start({ burst: 3 })
    await ask()
    expect(told(await ask('/v1/models', { method: 'HEAD', headers: await kit.bearer() })).slice(0, 3)).toEqual([
      200,
      '60',
      '1',
    ])
    const chat = { method: 'POST', body: '{}' }
    expect(told(await ask('/v1/chat/completions', { ...chat, headers: await kit.bearer() })).slice(0, 3)).toEqual([
      200,
      '60',
      '0',
    ])
    expect((await ask()).status).toBe(429)
    expect((await ask('/v1/models', { headers: await kit.bearer('bob') })).status).toBe(200)
    await kit.stop()
  })

  test('keeps to the caller, whichever token they show', async () => {
    const { kit, ask } = await start({ burst: 1 })
    await ask()
    expect((await ask('/v1/models', { headers: await kit.bearer('ada', 'inference more') })).status).toBe(429)
    await kit.stop()
  })

  test('tells its limit when the upstream fails, too', async () => {
    const { kit, ask } = await start({ upstream: 'http://127.0.0.1:1' })
    expect(told(await ask())).toEqual([502, '60', '1', '1s', null, null])
    await kit.stop()
  })

  test('takes nothing for a request that was not let in or found no route', async () => {
    const { kit, ask } = await start({ burst: 1 })
    await ask('/v1/models', { headers: {} })
    await ask('/v1/models', { headers: { authorization: 'Bearer x' } })
    await ask('/v1/models', { headers: await kit.bearer('ada', 'other') })
    await ask('/v1/models', { method: 'DELETE', headers: await kit.bearer() })
    await ask('/v1/nothing')
    expect((await ask()).status).toBe(200)
    await kit.stop()
  })

  test('says nothing of a limit that is off', async () => {
    const { kit, ask } = await start({ rpm: 0, burst: 1 })
    for (let at = 0; at < 5; at++) expect(told(await ask())).toEqual([200, null, null, null, null, null])
    await kit.stop()
  })

  test('passes on no limits of the upstream', async () => {
    const { kit, ask } = await start({ rpm: 0 })
    expect([...(await ask()).headers.keys()].filter(name => name.startsWith('x-ratelimit'))).toEqual([])
    await kit.stop()
  })
})

test('a public route has no limit', async () => {
  const { kit, ask } = await start({ burst: 1 })
  for (let at = 0; at < 5; at++) expect(told(await ask('/health'))).toEqual([200, null, null, null, null, null])
  await kit.stop()
})

describe('a duration', () => {
  test.each([
    [0, '0ms'],
    [0.001, '1ms'],
    [1, '1ms'],
    [20, '20ms'],
    [999, '999ms'],
    [999.1, '1s'],
    [1000, '1s'],
    [1500, '1.5s'],
    [1001, '1.001s'],
    [59_999, '59.999s'],
    [59_999.5, '1m0s'],
    [60_000, '1m0s'],
    [60_001, '1m0.001s'],
    [150_000, '2m30s'],
    [3_600_000, '1h0m0s'],
    [9_015_500, '2h30m15.5s'],
  ])('of %d ms is written %s', (ms, text) => {
    expect(duration(ms)).toBe(text)
  })

  test('read back is never shorter than it is, and at most a millisecond longer', async () => {
    await assert(
      property(double({ min: 0, max: 1e7, noNaN: true }), ms => {
        const match = /^(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d{1,3})?)s)?(?:(\d+)ms)?$/.exec(duration(ms))
        const [hours, minutes, seconds, rest] = (match ?? []).slice(1).map(part => Number(part ?? 0))
        const read = Math.round(
          (hours ?? Number.NaN) * 3_600_000 + (minutes ?? 0) * 60_000 + (seconds ?? 0) * 1000 + (rest ?? 0),
        )
        return read >= ms && read <= ms + 1
      }),
    )
  })
})
