import { afterEach, describe, expect, test } from 'bun:test'
import type { Published } from '../kit/jwt.ts'
import { type Siege, sieges } from '../kit/siege.ts'

const { lay, lift } = sieges()
afterEach(lift)

/** Shows 300 tokens with made-up kids over five seconds of the gateway's time, in six volleys; gives their statuses. */
async function flood(siege: Siege): Promise<number[]> {
  const statuses: number[] = []
  for (let volley = 0; volley < 6; volley++) {
    const tokens = Array.from({ length: 50 }, () => siege.issuer.sign(siege.claims(), { kid: crypto.randomUUID() }))
    statuses.push(...(await Promise.all(tokens.map(async token => (await siege.show(await token)).status))))
    siege.clock.pass(1000)
  }
  return statuses
}

describe('three hundred made-up kids in five seconds', () => {
  test.each<[string, Published['answer'] | undefined]>([
    ['while the endpoint answers', undefined],
    ['while it answers late', () => Bun.sleep(100).then(() => Response.json({ keys: [] }, { status: 500 }))],
    ['while it is down', () => new Response(null, { status: 503 })],
  ])('cause at most two fetches: %s', async (_, answer) => {
    const siege = await lay()
    await siege.letsIn()
    siege.clock.pass(30_000)
    if (answer) siege.published.answer = answer
    expect(await flood(siege)).toEqual(Array(300).fill(401))
    expect(siege.published.fetches).toBeLessThanOrEqual(3)
    expect(siege.upstream.requests).toHaveLength(1)
    await siege.letsIn()
  })

  test('cause none at all right after a fetch', async () => {
    const siege = await lay()
    await siege.letsIn()
    expect(await flood(siege)).toEqual(Array(300).fill(401))
    expect(siege.published.fetches).toBe(1)
  })

  test('and ten minutes of them cause one in 30 seconds', async () => {
    const siege = await lay()
    await siege.letsIn()
    for (let second = 0; second < 600; second += 5) {
      await Promise.all(
        Array.from({ length: 5 }, async () =>
          siege.show(await siege.issuer.sign(siege.claims(), { kid: crypto.randomUUID() })),
        ),
      )
      siege.clock.pass(5000)
    }
    expect(siege.published.fetches).toBeLessThanOrEqual(21)
    await siege.letsIn()
  })

  test('hold up no good token while the fetch they caused hangs', async () => {
    const siege = await lay()
    await siege.letsIn()
    siege.clock.pass(30_000)
    const gate = Promise.withResolvers<Response>()
    siege.published.answer = () => gate.promise
    const made = await Promise.all(
      Array.from({ length: 150 }, () => siege.issuer.sign(siege.claims(), { kid: crypto.randomUUID() })),
    )
    const flooding = made.map(token => siege.show(token))
    const good = await Promise.all(
      Array.from({ length: 100 }, (_, at) => siege.issuer.sign(siege.claims({ sub: `${at}` }))),
    )
    const times: number[] = []
    for (const token of good) {
      const from = performance.now()
      expect((await siege.show(token)).status).toBe(200)
      times.push(performance.now() - from)
    }
    times.sort((a, b) => a - b)
    // Ten seconds is what the hanging fetch may take.
    expect(times.at(-1)).toBeLessThan(2000)
    gate.resolve(Response.json({ keys: [siege.issuer.jwk] }))
    expect(new Set((await Promise.all(flooding)).map(({ status }) => status))).toEqual(new Set([401]))
    expect(siege.published.fetches).toBe(2)
  })
})
