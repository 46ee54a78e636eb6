import { afterEach, describe, expect, spyOn, test } from 'bun:test'
import { type Patience, transport } from '../../src/upstream/transport.ts'
import { outcome } from '../kit/problem.ts'
import { type RawUpstream, type Reply, rawUpstream, type Wire } from '../kit/raw.ts'
import { answerBytes, eventually } from '../kit/stage.ts'

const running: { stop(): Promise<void> }[] = []
afterEach(async () => {
  for (const part of running.splice(0)) await part.stop()
})

const OK = answerBytes('200 OK', {}, 'ok')
type Asked = Partial<Parameters<ReturnType<typeof transport>>[0]>

/** A transport, and a way to ask one upstream through it and read the answer: its status, or the code of what failed. */
function asking(url: string, patience: Partial<Patience> = {}) {
  const send = transport({ connectMs: 3000, bodyMs: 3000, headerMs: 3000, ...patience })
  const { signal } = new AbortController()
  const usual = {
    origin: new URL(url),
    method: 'GET',
    path: '/',
    headers: {},
    body: null,
    signal,
    reached: () => undefined,
  }
  return (asked: Asked = {}) =>
    outcome(async () => {
      const answer = await send({ ...usual, ...asked })
      for await (const _ of answer);
      expect(answer.statusCode).toBe(200)
    })
}

async function upstreamThat(reply: Reply): Promise<RawUpstream> {
  const upstream = await rawUpstream(reply)
  running.push(upstream)
  return upstream
}

/** An upstream whose first connections answer once and treat the next request so; later ones answer whatever comes. */
function closing(how: (wire: Wire) => unknown, connections = 1): Promise<RawUpstream> {
  return upstreamThat(async (wire, index) => {
    for (let nth = 0; ; nth++) {
      await wire.message()
      if (index < connections && nth > 0) return how(wire)
      await wire.send(OK)
    }
  })
}

/** How many requests were heard, connection by connection. */
function heard({ wires }: RawUpstream): number[] {
  return wires.map(({ text }) => text.match(/HTTP\/1\.1\r\n/g)?.length ?? 0)
}

const FIN = (wire: Wire) => wire.fin()
const RESET = (wire: Wire) => wire.reset()
const HANG_UPS = Object.entries({ fin: FIN, reset: RESET })

describe('a kept connection that the upstream was closing', () => {
  test.each(HANG_UPS)('(%s) does not fail the GET that it met: a new one takes it', async (_, how) => {
    const upstream = await closing(how)
    const ask = asking(upstream.url)
    expect([await ask(), await ask()]).toEqual(['fine', 'fine'])
    expect(heard(upstream)).toEqual([2, 1])
  })

  test('is followed by a new one, and by no other kept one', async () => {
    const upstream = await closing(FIN, 2)
    const ask = asking(upstream.url)
    expect(await Promise.all([ask(), ask()])).toEqual(['fine', 'fine'])
    expect(await ask()).toBe('fine')
    expect(heard(upstream).toSorted()).toEqual([1, 1, 2])
    expect(upstream.wires[2]?.text.toLowerCase()).toContain('\r\nconnection: close\r\n')
  })

  test.each(HANG_UPS)('(%s) is followed by one try and no more', async (_, how) => {
    const upstream = await upstreamThat(async (wire, index) => {
      await wire.message()
      if (index > 0) return how(wire)
      await wire.send(OK)
      await wire.message()
      how(wire)
    })
    const ask = asking(upstream.url)
    expect([await ask(), await ask()]).toEqual(['fine', 'upstream_unreachable'])
    expect(heard(upstream)).toEqual([2, 1])
  })

  const body = { head: Buffer.from('hello') }
  const once: [string, Asked][] = [
    ['a POST', { method: 'POST', headers: { 'content-length': '5' }, body }],
    ['a POST without a body', { method: 'POST' }],
    ['a GET with a body', { headers: { 'content-length': '5' }, body }],
    ['a HEAD', { method: 'HEAD' }],
  ]
  test.each(once)('takes %s with it: that is never repeated', async (_, asked) => {
    for (const how of [FIN, RESET]) {
      const upstream = await closing(how)
      const ask = asking(upstream.url)
      expect([await ask(), await ask(asked)]).toEqual(['fine', 'upstream_unreachable'])
      expect(heard(upstream)).toEqual([2])
    }
  })

  test.each(['H', 'HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 200 OK\r\nContent-'])(
    'is not replaced once it began an answer: %p',
    async begun => {
      for (const how of [FIN, RESET]) {
        const upstream = await closing(async wire => {
          await wire.send(begun)
          await Bun.sleep(5)
          how(wire)
        })
        const ask = asking(upstream.url)
        expect([await ask(), await ask()]).toEqual([
          'fine',
          expect.stringMatching(/^upstream_(unreachable|malformed)$/),
        ])
        expect(heard(upstream)).toEqual([2])
      }
    },
  )

  test('loses none of 500 GETs, closed up to 4 ms after each answer', async () => {
    const upstream = await upstreamThat(async (wire, index) => {
      for (let nth = 0; ; nth++) {
        await wire.message()
        await wire.send(OK)
        setTimeout(FIN, (index + nth) % 5, wire)
      }
    })
    const ask = asking(upstream.url)
    const caller = async (_: unknown, nth: number) => {
      const outcomes: string[] = []
      for (let i = 0; i < 50; i++) {
        outcomes.push(await ask())
        await Bun.sleep((i + nth) % 5)
      }
      return outcomes
    }
    const outcomes = await Promise.all(Array.from({ length: 10 }, caller))
    expect(outcomes.flat().filter(it => it !== 'fine')).toEqual([])
  })
})

describe('a new connection', () => {
  test.each(HANG_UPS)('(%s) that took the request is not replaced', async (_, how) => {
    const upstream = await upstreamThat(async wire => {
      await wire.message()
      how(wire)
    })
    expect(await asking(upstream.url)()).toBe('upstream_unreachable')
    expect(heard(upstream)).toEqual([1])
  })

  test('that was reset before a byte was sent is replaced, for a GET alone', async () => {
    const upstream = await upstreamThat(async (wire, index) => {
      if (index % 2 === 0) return wire.reset()
      await wire.message()
      await wire.send(OK)
    })
    expect(await asking(upstream.url)()).toBe('fine')
    expect(heard(upstream)).toEqual([0, 1])
    expect(await asking(upstream.url)({ method: 'POST' })).toBe('upstream_unreachable')
    expect(heard(upstream)).toEqual([0, 1, 0])
  })

  test.each(['GET', 'POST', 'HEAD'])('that is refused is asked for twice by a GET, else once: %s', async method => {
    const { url, tries } = await refusing()
    expect(await asking(url)({ method })).toBe('upstream_unreachable')
    expect(tries()).toBe(method === 'GET' ? 2 : 1)
  })

  test.each([
    ['GET', 'fine'],
    ['POST', 'upstream_unreachable'],
  ])('that is refused once serves a GET all the same, and no POST: %s', async (method, wanted) => {
    const { url } = await refusing(port => {
      const server = Bun.serve({ hostname: '127.0.0.1', port, reusePort: false, fetch: () => new Response('ok') })
      running.push({ stop: () => server.stop(true) })
    })
    expect(await asking(url)({ method })).toBe(wanted)
  })
})

describe('a second try', () => {
  test('is not made for a client that left', async () => {
    const upstream = await closing(() => undefined)
    const ask = asking(upstream.url)
    const leaving = new AbortController()
    expect(await ask()).toBe('fine')
    const asked = ask({ signal: leaving.signal })
    await eventually(() => heard(upstream)[0] === 2)
    leaving.abort()
    expect(await asked).toBe('client_gone')
    await upstream.wires[0]?.gone()
    expect(upstream.wires).toHaveLength(1)
  })

  test('ends when its client leaves', async () => {
    const upstream = await upstreamThat(async (wire, index) => {
      await wire.message()
      if (index > 0) return
      await wire.send(OK)
      await wire.message()
      wire.fin()
    })
    const ask = asking(upstream.url)
    const leaving = new AbortController()
    expect(await ask()).toBe('fine')
    const asked = ask({ signal: leaving.signal })
    await eventually(() => heard(upstream)[1] === 1)
    leaving.abort()
    expect(await asked).toBe('client_gone')
    await upstream.wires[1]?.gone()
  })

  test('is not made after a time-out', async () => {
    const upstream = await closing(() => undefined)
    const ask = asking(upstream.url, { headerMs: 100 })
    expect([await ask(), await ask()]).toEqual(['fine', 'upstream_timeout'])
    expect(heard(upstream)).toEqual([2])
  })

  test('has only the time that the first has left', async () => {
    const upstream = await upstreamThat(async (wire, index) => {
      await wire.message()
      if (index > 0) await Bun.sleep(250)
      await wire.send(OK)
      await wire.message()
      await Bun.sleep(250)
      wire.fin()
    })
    const ask = asking(upstream.url, { headerMs: 400 })
    expect([await ask(), await ask()]).toEqual(['fine', 'upstream_timeout'])
    expect(heard(upstream)).toEqual([2, 1])
  })
})

/** A port that refuses connections, how often it was asked, and what happens when it has refused one. */
async function refusing(refused: (port: number) => void = () => undefined) {
  const gone = await rawUpstream(OK)
  await gone.stop()
  const connect = Bun.connect
  const spy = spyOn(Bun, 'connect').mockImplementation(((options: Bun.TCPSocketConnectOptions<unknown>) => {
    const { socket } = options
    const connectError: typeof socket.connectError = (...given) => {
      refused(gone.port)
      return socket.connectError?.(...given)
    }
    return connect({ ...options, socket: { ...socket, connectError } })
  }) as typeof connect)
  running.push({ stop: () => Promise.resolve(spy.mockRestore()) })
  return { url: gone.url, tries: () => spy.mock.calls.length }
}
