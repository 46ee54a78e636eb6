import { afterEach, describe, expect, test } from 'bun:test'
import { cooldown } from '../../src/upstream/cooldown.ts'
import { clockAt } from '../kit/clock.ts'
import { held } from '../kit/memory.ts'
import { problemOf } from '../kit/problem.ts'
import { answerBytes, CHAT, eventually, stages } from '../kit/stage.ts'

const { set, clear } = stages()
afterEach(clear)

const HERE = 'https://here.example'
const THERE = 'https://there.example'
const OK = answerBytes('200 OK', {}, 'ok')
const busy = (retryAfter: string) => answerBytes('503 Busy', { 'Retry-After': retryAfter }, 'busy')

/** A cool-down under the test's hand, and how many milliseconds it keeps from an origin when it begins. */
function setUp() {
  const clock = clockAt()
  const cooling = cooldown(clock.now)
  const isCool = (origin = HERE) => {
    try {
      cooling.check(origin)
      return false
    } catch {
      return true
    }
  }
  return {
    clock,
    isCool,
    heed: (retryAfter?: string, origin = HERE, statusCode = 503) =>
      cooling.heed(origin, { statusCode, headers: retryAfter === undefined ? {} : { 'retry-after': retryAfter } }),
    retryAfter: async () => (await problemOf(() => cooling.check(HERE))).headers['retry-after'],
    lasts: () => {
      let ms = 0
      for (; isCool() && ms < 60_000; ms += 250) clock.pass(250)
      return ms
    },
  }
}

describe('a 503 with Retry-After', () => {
  const asked: [string, number][] = [
    ['1', 1000],
    ['3', 3000],
    [' 2 ', 2000],
    ['0.5', 500],
    ['5', 5000],
    ['6', 5000],
    ['3600', 5000],
    ['9'.repeat(30), 5000],
    // The clock stands at Thursday, 2026-01-01T00:00:00Z.
    ['Thu, 01 Jan 2026 00:00:03 GMT', 3000],
    ['Thursday, 01-Jan-26 00:00:03 GMT', 3000],
    ['Thu Jan  1 00:00:03 2026', 3000],
    ['thu, 01 jan 2026 00:00:03 gmt', 3000],
    ['Fri, 02 Jan 2026 00:00:00 GMT', 5000],
    ['Wed, 31 Dec 2025 23:59:59 GMT', 0],
    ['0', 0],
    ['-5', 0],
    ['', 0],
    ['soon', 0],
    ['Thu, 99 Jan 2026', 0],
    ['1, 2', 0],
    ['1e3', 0],
    ['2026-01-01T00:00:03Z', 0],
    ['Infinity', 0],
  ]
  test.each(asked)('of %p cools its origin for as long, five seconds at most', (value, ms) => {
    const { heed, lasts } = setUp()
    heed(value)
    expect(lasts()).toBe(ms)
  })

  test('cools no other origin', () => {
    const { heed, isCool } = setUp()
    heed('5')
    for (const other of [THERE, 'http://here.example', 'https://here.example:8443']) expect(isCool(other)).toBe(false)
    expect(isCool()).toBe(true)
  })

  test('tells how long it lasts, in whole seconds rounded up', async () => {
    const { clock, heed, retryAfter } = setUp()
    heed('4')
    expect(await retryAfter()).toBe('4')
    clock.pass(1)
    expect(await retryAfter()).toBe('4')
    clock.pass(999)
    expect(await retryAfter()).toBe('3')
    clock.pass(2999)
    expect(await retryAfter()).toBe('1')
  })

  test('does not take back what an earlier one asked for', () => {
    const { heed, lasts } = setUp()
    heed('4')
    heed('1')
    heed('0')
    expect(lasts()).toBe(4000)
  })

  test('counts from its own arrival where it asks for more', () => {
    const { clock, heed, lasts } = setUp()
    heed('4')
    clock.pass(2000)
    heed('3')
    expect(lasts()).toBe(3000)
  })

  test('cools no longer because the clock stepped back', () => {
    const { clock, heed, isCool } = setUp()
    heed('5')
    clock.pass(-3_600_000)
    expect(isCool()).toBe(false)
    heed('5')
    expect(isCool()).toBe(true)
  })
})

test('of a hundred thousand hosts only those that still cool are held', () => {
  const { clock, heed, isCool } = setUp()
  const before = held()
  for (let nth = 0; nth < 100_000; nth++) {
    heed('5', `https://${nth}.${'h'.repeat(200)}.example`)
    clock.pass(100)
  }
  // 58 MB if all were.
  expect(held() - before).toBeLessThan(10_000_000)
  expect(isCool(`https://99999.${'h'.repeat(200)}.example`)).toBe(true)
})

test.each([200, 429, 500, 502, 504])('a %d with Retry-After cools nobody', status => {
  const { heed, isCool } = setUp()
  heed('5', HERE, status)
  expect(isCool()).toBe(false)
})

test('a 503 that does not say when to come back cools nobody', () => {
  const { heed, isCool } = setUp()
  heed()
  expect(isCool()).toBe(false)
})

describe('behind a gateway', () => {
  test('a 503 goes to its caller as it came; the next is told when to come back, and none reaches the host', async () => {
    const clock = clockAt(Date.now())
    let reply = busy('30')
    const { get, post, ask, upstream } = await set(
      async wire => {
        for (;;) {
          await wire.message()
          await wire.send(reply)
        }
      },
      { now: clock.now },
    )
    const first = await get()
    expect([first.status, first.headers.get('retry-after'), await first.text()]).toEqual([503, '30', 'busy'])
    const before = (await upstream.first()).size
    reply = OK
    for (const send of [get, () => post('{}'), () => get({ method: 'HEAD' })]) {
      const next = await send()
      expect([next.status, next.headers.get('retry-after')]).toEqual([503, '5'])
    }
    const next = await get()
    expect(await next.json()).toMatchObject({ error: { code: 'upstream_overloaded', type: 'server_error' } })
    // Refused by its headers: a body that never comes is not waited for.
    const { head } = await (await ask(CHAT, { 'content-length': '1000' }, 'x')).message()
    expect(head).toStartWith('HTTP/1.1 503 ')
    expect([upstream.wires.length, upstream.wires[0]?.size]).toEqual([1, before])
    clock.pass(5000)
    expect(await (await get()).text()).toBe('ok')
  })

  test('requests under way go on', async () => {
    const slow = Promise.withResolvers<void>()
    const { get, post, upstream } = await set(async wire => {
      const { head } = await wire.message()
      if (head.startsWith('GET ')) return wire.send(busy('5'))
      await slow.promise
      await wire.send(OK)
    })
    const under = post('{}')
    await eventually(() => upstream.wires[0]?.text.endsWith('"}'))
    expect((await get()).status).toBe(503)
    expect((await (await get()).json()) as object).toMatchObject({ error: { code: 'upstream_overloaded' } })
    slow.resolve()
    expect(await (await under).text()).toBe('ok')
  })

  test('the 503 of a sealed request counts, and the refused one may be sent again', async () => {
    const clock = clockAt(Date.now())
    let reply = answerBytes('503 Busy', { 'Retry-After': '2', 'Ehbp-Response-Nonce': 'ab'.repeat(32) }, 'sealed')
    const { ask, upstream } = await set(
      async wire => {
        for (;;) {
          await wire.message()
          await wire.send(reply)
        }
      },
      { now: clock.now, plaintext: false },
    )
    const sealed = async (key: string) => {
      const headers = { 'ehbp-encapsulated-key': key.repeat(32), 'content-length': '21' }
      return (await ask(CHAT, headers, `\0\0\0\x11${'x'.repeat(17)}`)).message()
    }
    expect((await sealed('01')).body).toBe('sealed')
    reply = answerBytes('200 OK', { 'Ehbp-Response-Nonce': 'ab'.repeat(32) }, 'sealed')
    expect((await sealed('02')).body).toContain('"upstream_overloaded"')
    clock.pass(2000)
    expect((await sealed('02')).head).toStartWith('HTTP/1.1 200 ')
    expect(upstream.wires).toHaveLength(1)
  })

  test('a 429 cools nobody', async () => {
    const { get, upstream } = await set(answerBytes('429 Slow', { 'Retry-After': '9' }, 'slow'))
    for (let i = 0; i < 3; i++) expect(await (await get()).text()).toBe('slow')
    expect(upstream.wires[0]?.text.match(/GET /g)).toHaveLength(3)
  })
})

test('each origin that begins to cool is told once, not while it cools', () => {
  const clock = clockAt()
  const told: string[] = []
  const cooling = cooldown(clock.now, origin => told.push(origin))
  const busy = (origin: string, seconds = 2) =>
    cooling.heed(origin, { statusCode: 503, headers: { 'retry-after': String(seconds) } })
  busy(HERE)
  busy(HERE, 4)
  busy(THERE, 0)
  expect(told).toEqual([HERE])
  clock.pass(4000)
  busy(HERE)
  expect(told).toEqual([HERE, HERE])
})
