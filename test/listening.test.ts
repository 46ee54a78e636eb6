import { afterEach, describe, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { observe } from '../src/gate/observe.ts'
import { ListenFault, type Listening, listening } from '../src/listening.ts'
import { NO_METERS } from '../src/protocol/meters.ts'
import { goodPair, type TlsClient, tlsClient } from './kit/tls.ts'

const quiet = () => undefined

const ends: (() => unknown)[] = []
afterEach(() => {
  for (const end of ends.splice(0)) end()
})

/** Answers with the key that the exchange knows, at `/stream` once it is told to end. */
function served({
  retiringMs = 40,
  minVersion = '1.3' as '1.2' | '1.3',
  port = 0,
  isShared = false,
  pair = goodPair(),
} = {}) {
  const gate = Promise.withResolvers<void>()
  const { around, exchangeOf } = observe({
    log: quiet,
    now: Date.now,
    idleSeconds: 10,
    proxies: [],
    meters: NO_METERS,
    ended: () => undefined,
  })
  const fetch = around(request => {
    const exchange = exchangeOf(request)
    const spki = `<${exchange.spki}>`
    if (!request.url.endsWith('/stream')) return new Response(spki)
    exchange.hold()
    return new Response(
      (async function* () {
        yield spki
        await gate.promise
        yield '<end>'
      })() as unknown as ReadableStream,
    )
  })
  const listener = listening({ host: '127.0.0.1', port, minVersion, fetch, retiringMs, isShared }, pair)
  let signal: () => void = quiet
  const refuses = Promise.withResolvers<void>()
  const stopped = listener.drained({
    seconds: 5,
    // What it says before it stops all in the same turn.
    log: () => refuses.resolve(),
    onSignal: heard => {
      signal = heard
    },
  })
  const stop = async () => {
    signal()
    await refuses.promise
  }
  ends.push(gate.resolve, stop, stop)
  return { ...listener, pair, stop, stopped, endStreams: gate.resolve }
}

async function client(
  listener: Pick<Listening, 'port'>,
  ...more: [maxVersion?: 'TLSv1.2' | 'TLSv1.1']
): Promise<TlsClient> {
  const made = await tlsClient(listener.port, ...more)
  ends.push(made.close)
  return made
}

/** The keys of so many new connections. */
async function keysOf(listener: Pick<Listening, 'port'>, count: number): Promise<Set<string>> {
  const clients = await Promise.all(Array.from({ length: count }, () => client(listener)))
  return new Set(clients.map(({ spki }) => spki))
}

async function streams(listener: Pick<Listening, 'port'>, count: number): Promise<TlsClient[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const made = await client(listener)
      made.get('/stream')
      await made.until(`<${made.spki}>`)
      return made
    }),
  )
}

describe('a listener that is replaced', () => {
  test('cuts none of 200 open streams, in three renewals, and each names the key of its own connection', async () => {
    const listener = served()
    const open = await streams(listener, 200)
    const keys = [listener.pair.spki]
    for (const _ of [1, 2, 3]) {
      const next = goodPair()
      await listener.replace(next)
      keys.push(next.spki)
      open.push(...(await streams(listener, 2)))
    }
    listener.endStreams()
    await Promise.all(open.map(stream => stream.until('<end>')))
    expect([...new Set(open.map(({ spki }) => spki))]).toEqual(keys)
  })

  test('is given no new connection from then on', async () => {
    const listener = served({ retiringMs: 10_000 })
    const next = goodPair()
    void listener.replace(next)
    expect(await keysOf(listener, 20)).toEqual(new Set([next.spki]))
  })

  test('answers what comes over its own connections, and closes each after its answer', async () => {
    const listener = served({ retiringMs: 10_000 })
    const kept = await client(listener)
    void listener.replace(goodPair())
    kept.get('/')
    const answer = await kept.until('>')
    expect(answer).toMatch(/^connection: close\r$/im)
    expect(answer).toEndWith(`<${listener.pair.spki}>`)
    await kept.ended
  })

  test('ends those that nothing comes over in good order', async () => {
    const listener = served()
    const kept = await client(listener)
    kept.get('/')
    expect(await kept.until('>')).not.toMatch(/^connection: close/im)
    await listener.replace(goodPair())
    await kept.ended
  })
})

describe('listeners of several workers', () => {
  test('are replaced one by one, and then all show the new key', async () => {
    const first = served({ isShared: true })
    const other = served({ isShared: true, port: first.port, pair: first.pair })
    expect(await keysOf(first, 20)).toEqual(new Set([first.pair.spki]))
    const next = goodPair()
    const open = await streams(first, 20)
    await Promise.all([first.replace(next), other.replace(next)])
    expect(await keysOf(first, 20)).toEqual(new Set([next.spki]))
    for (const listener of [first, other]) listener.endStreams()
    await Promise.all(open.map(stream => stream.until('<end>')))
  })
})

describe('at a signal', () => {
  test('every listener refuses, and streams of each may end', async () => {
    const listener = served()
    const open = await streams(listener, 1)
    await listener.replace(goodPair())
    open.push(...(await streams(listener, 1)))
    void listener.replace(goodPair())
    open.push(...(await streams(listener, 1)))
    await listener.stop()
    await expect(tlsClient(listener.port)).rejects.toThrow('ECONNREFUSED')
    listener.endStreams()
    await Promise.all(open.map(stream => stream.until('<end>')))
    await listener.stopped
  })

  test('nothing listens anew', async () => {
    const listener = served()
    const [open] = await streams(listener, 1)
    await listener.stop()
    await listener.replace(goodPair())
    await expect(tlsClient(listener.port)).rejects.toThrow('ECONNREFUSED')
    listener.endStreams()
    await open?.until('<end>')
    await listener.stopped
  })
})

describe('with TLS', () => {
  test('1.3 alone is spoken', async () => {
    const listener = served()
    await client(listener)
    await expect(client(listener, 'TLSv1.2')).rejects.toThrow()
  })

  test('1.2 is spoken where it is allowed, and 1.1 never', async () => {
    const listener = served({ minVersion: '1.2' })
    await client(listener, 'TLSv1.2')
    await expect(client(listener, 'TLSv1.1')).rejects.toThrow()
  })

  test('a connection that speaks HTTP is closed, and others are served', async () => {
    const listener = served()
    const socket = connect(listener.port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'))
    let came = ''
    socket.on('data', chunk => {
      came += chunk.toString('latin1')
    })
    await new Promise(resolve => socket.on('error', () => undefined).on('close', resolve))
    expect(came).not.toContain('HTTP/1.1')
    expect(await keysOf(listener, 1)).toEqual(new Set([listener.pair.spki]))
  })
})

describe('a port that another has', () => {
  const refusal = (port: number, pair = goodPair()) => {
    const place = { host: '127.0.0.1', port, minVersion: '1.3' as const, fetch: async () => new Response() }
    try {
      listening(place, pair)
    } catch (error) {
      return error
    }
    return undefined
  }

  test('is not shared with it, though it would share', () => {
    const other = Bun.serve({ hostname: '127.0.0.1', port: 0, reusePort: true, fetch: () => new Response() })
    ends.push(() => void other.stop(true))
    const fault = refusal(other.port ?? 0)
    expect(fault).toBeInstanceOf(ListenFault)
    expect(String(fault)).toContain(`port ${other.port} is in use: stop what uses it, or set PORT`)
  })

  test('is not shared with another gateway', () => {
    expect(String(refusal(served().port))).toContain('is in use')
  })
})
