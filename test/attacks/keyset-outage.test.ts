import { afterEach, describe, expect, test } from 'bun:test'
import type { Published } from '../kit/jwt.ts'
import { type Siege, sieges } from '../kit/siege.ts'
import { eventually } from '../kit/stage.ts'

const { lay, lift } = sieges()
afterEach(lift)

const HOUR = 3_600_000
const never = () => new Promise<Response>(() => undefined)

/** A good token must be told that the keys are away, and nobody be asked. */
async function saysAway(siege: Siege, token: string): Promise<void> {
  const before = siege.upstream.requests.length
  const answer = await siege.show(token)
  expect(answer.status).toBe(503)
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(answer.headers.has('www-authenticate')).toBe(false)
  expect(await answer.json()).toMatchObject({ error: { code: 'keys_unavailable', type: 'server_error' } })
  expect(siege.upstream.requests).toHaveLength(before)
}

/** A fetch that fails before its first byte, at once. */
const down: Published['answer'] = () => new Response(null, { status: 503 })

describe('an endpoint that is down at the start', () => {
  test.each<[string, Published['answer'], number]>([
    ['answers with an error', down, 10_000],
    ['never answers', never, 100],
    [
      'stops in the middle',
      () => new Response(new ReadableStream({ start: to => to.enqueue(Buffer.from('{"keys":[')) })),
      100,
    ],
  ])('and %s leaves good and bad tokens unjudged, until it is back', async (_, answer, keysWithinMs) => {
    const siege = await lay({ answer, keysWithinMs })
    await saysAway(siege, await siege.issuer.sign(siege.claims()))
    await saysAway(siege, await siege.issuer.sign(siege.claims(), { kid: 'made-up' }))
    expect((await fetch(`${siege.kit.url}/health`)).status).toBe(200)
    expect((await fetch(`${siege.kit.url}/readyz`)).status).toBe(503)
    siege.published.answer = () => Response.json({ keys: [siege.issuer.jwk] })
    siege.clock.pass(30_000)
    await siege.letsIn()
    expect((await fetch(`${siege.kit.url}/readyz`)).status).toBe(200)
  })

  test('does not spare a token whose form is wrong, or a request without one', async () => {
    const siege = await lay({ answer: down })
    await saysAway(siege, await siege.issuer.sign(siege.claims()))
    for (const authorization of [
      '',
      'Bearer a.b.c',
      `Bearer ${await siege.issuer.sign(siege.claims(), { alg: 'none' })}`,
    ])
      expect((await siege.ask({ authorization })).status).toBe(401)
    expect(siege.upstream.requests).toEqual([])
  })

  test('is asked again by itself, soon', async () => {
    const siege = await lay({ answer: down })
    await eventually(() => siege.published.fetches === 1)
    siege.published.answer = () => Response.json({ keys: [siege.issuer.jwk] })
    await eventually(() => siege.kit.lines.some(line => line.includes('keys_loaded')), 'the keys')
    await siege.letsIn()
  })
})

describe('an endpoint that goes down later', () => {
  test('harms no token of a known key for 24 hours, and from then on takes none', async () => {
    const siege = await lay()
    await siege.letsIn()
    siege.published.answer = down
    const exp = siege.clock.now() / 1000 + 48 * 3600
    const token = await siege.issuer.sign(siege.claims({ exp }))
    for (let hour = 1; hour < 24; hour++) {
      siege.clock.pass(HOUR)
      await siege.letsIn()
    }
    expect((await siege.repels(await siege.issuer.sign(siege.claims(), { kid: 'made-up' }))).stage).toBe('key')
    siege.clock.pass(HOUR - 1)
    await siege.letsIn()
    siege.clock.pass(1)
    await saysAway(siege, token)
    await saysAway(siege, await siege.issuer.sign(siege.claims(), { kid: 'made-up' }))
    siege.published.answer = () => Response.json({ keys: [siege.issuer.jwk] })
    siege.clock.pass(30_000)
    expect((await siege.show(token)).status).toBe(200)
  })

  test('takes none from then on, not even one that it let in a minute before', async () => {
    const siege = await lay()
    await siege.letsIn()
    siege.published.answer = down
    siege.clock.pass(24 * HOUR - 60_000)
    const token = await siege.issuer.sign(siege.claims())
    expect((await siege.show(token)).status).toBe(200)
    siege.clock.pass(59_999)
    expect((await siege.show(token)).status).toBe(200)
    siege.clock.pass(1)
    await saysAway(siege, token)
  })

  test('and hangs makes no good token wait', async () => {
    const siege = await lay({ keysWithinMs: 1000 })
    await siege.letsIn()
    siege.published.answer = never
    siege.clock.pass(30_000)
    let judged = 0
    const madeUp = Array.from({ length: 50 }, async (_, at) => {
      const { status } = await siege.show(await siege.issuer.sign(siege.claims(), { kid: `made-up-${at}` }))
      judged++
      return status
    })
    await eventually(() => siege.published.fetches === 2)
    const from = performance.now()
    for (let count = 0; count < 20; count++) await siege.letsIn()
    expect(performance.now() - from).toBeLessThan(900)
    expect(judged).toBe(0)
    expect(await Promise.all(madeUp)).toEqual(Array(50).fill(401))
    expect(siege.published.fetches).toBe(2)
  })
})
