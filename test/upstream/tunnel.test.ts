import { afterEach, describe, expect, test } from 'bun:test'
import { connect, type Socket } from 'node:net'
import { inspect } from 'node:util'
import { calls, isUnsent } from '../../src/upstream/call.ts'
import type { Egress } from '../../src/upstream/egress.ts'
import { behindProxies, ELSEWHERE, OK, sending, textOf } from '../kit/behind-proxy.ts'
import { forLocalhost, forOther } from '../kit/certificates.ts'
import { problemOf } from '../kit/problem.ts'
import { answerBytes, CHUNKED, chunk, eventually, stages } from '../kit/stage.ts'
import { terminate } from '../kit/terminator.ts'

const on = stages()
const { also } = on
afterEach(on.clear)
const behindProxy = behindProxies(on)

type Ask = (egress: Egress, url?: string) => Promise<string>
const ways: [string, Ask][] = [
  ['a request', async (egress, url) => textOf(await sending(egress)(url))],
  [
    'a call',
    async (egress, url = ELSEWHERE) =>
      calls(egress)
        .send({ ...SMALL, url })
        .then(answer => answer.text()),
  ],
]
const SMALL = { headers: {}, withinMs: 3000, maxBytes: 100 }

describe.each(ways)('%s through a proxy', (_, ask) => {
  test('asks it for a tunnel with its password, and for nothing else', async () => {
    const { proxy, target, egress } = await behindProxy()
    expect(await ask(egress)).toBe('ok')
    const [line, ...headers] = proxy.heads.join('').trimEnd().split('\r\n')
    expect(line).toBe('CONNECT other.example:443 HTTP/1.1')
    const credentials = `Proxy-Authorization: Basic ${btoa('ada:hunter@2')}`
    expect(headers.filter(header => header !== 'Proxy-Connection: Keep-Alive').sort()).toEqual([
      'Host: other.example:443',
      credentials,
    ])
    expect(target.heard()).not.toMatch(/proxy-/i)
  })

  test('trusts nobody who shows another name, or whose root is unknown', async () => {
    const { egress, target } = await behindProxy()
    for (const problem of [
      await problemOf(() => ask(egress, 'https://elsewhere.example')),
      await problemOf(() => ask(egress, 'https://192.0.2.1')),
      await problemOf(() => ask({ ...egress, roots: undefined })),
    ]) {
      expect(problem.code).toBe('upstream_unreachable')
      expect(problem.message).not.toContain('proxy')
    }
    expect(target.heard()).toBe('')
  })

  test('asks a proxy by TLS as well, if it shows the right name', async () => {
    const { egress } = await behindProxy(OK, { identity: forLocalhost })
    expect(await ask(egress)).toBe('ok')
    const { egress: wrong, proxy } = await behindProxy(OK, { identity: forOther })
    expect((await problemOf(() => ask(wrong))).code).toBe('upstream_unreachable')
    expect(proxy.heads).toEqual([])
  })

  test.each(['407 Proxy Authentication Required', '403 Forbidden', '502 Bad Gateway', '302 Found'])(
    'says that the proxy refused by %s, and asks once',
    async status => {
      const { egress, proxy, target } = await behindProxy(OK, { says: answerBytes(status, {}, 'no') })
      const problem = await problemOf(() => ask(egress))
      const number = status.slice(0, 3)
      expect([problem.code, problem.message]).toEqual([
        'upstream_unreachable',
        `The proxy on the way refused to connect (${number}).`,
      ])
      expect(problem.cause).toMatchObject({ name: 'ProxyFault', code: `refused_${number}` })
      expect(isUnsent(problem)).toBe(true)
      expect([proxy.heads.length, target.heard()]).toEqual([1, ''])
      expect(inspect(problem, { depth: 9 })).not.toMatch(/hunter|aGFkY|YWRhOm/)
    },
  )

  test('says that the proxy is away', async () => {
    const { egress, proxy } = await behindProxy()
    await proxy.stop()
    const problem = await problemOf(() => ask(egress))
    expect([problem.code, problem.message]).toEqual([
      'upstream_unreachable',
      'The proxy on the way could not be reached.',
    ])
    expect(problem.cause).toMatchObject({ name: 'ProxyFault', code: 'unreachable' })
  })

  test('fails where the proxy says something else, or nothing', async () => {
    for (const says of ['SSH-2.0-OpenSSH_9.6\r\n\r\n', (socket: Socket) => void socket.destroy()]) {
      const { egress } = await behindProxy(OK, { says })
      expect((await problemOf(() => ask(egress))).code).toBe('upstream_unreachable')
    }
  })

  test('goes straight to this machine, and by plain http nowhere else', async () => {
    const { egress, proxy, upstream } = await behindProxy()
    const local = also(await terminate(upstream.url))
    for (const url of [local.url, upstream.url]) expect(await ask(egress, url)).toBe('ok')
    const problem = await problemOf(() => ask(egress, 'http://other.example'))
    expect([problem.code, problem.message.split(' ')[0]]).toEqual(['upstream_unreachable', 'UPSTREAM_PROXY'])
    expect(proxy.open()).toBe(0)
  })
})

describe('a tunnel', () => {
  test('is kept for the next request, and closed with one that is given up under way', async () => {
    const { egress, proxy } = await behindProxy(async wire => {
      await wire.message()
      await wire.send(OK)
      await wire.message()
      await wire.send(CHUNKED + chunk('first'))
    })
    const send = sending(egress)
    expect(await textOf(await send())).toBe('ok')
    const answer = await send()
    await answer[Symbol.asyncIterator]().next()
    expect([proxy.heads.length, proxy.open()]).toEqual([1, 1])
    answer.destroy()
    await eventually(() => proxy.open() === 0)
  })

  test('that breaks under way breaks the answer', async () => {
    const { egress, proxy } = await behindProxy(async wire => {
      await wire.message()
      await wire.send(CHUNKED + chunk('first'))
    })
    const answer = await sending(egress)()
    const text = textOf(answer)
    proxy.cut()
    expect(await text.catch(error => error)).toBeInstanceOf(Error)
  })

  test('that stood too long is followed by another one for a GET, and not by a way past the proxy', async () => {
    const { egress, proxy } = await behindProxy(async (wire, index) => {
      await wire.message()
      await wire.send(OK)
      if (index > 0) return
      await wire.message()
      wire.fin()
    })
    const send = sending(egress)
    expect([await textOf(await send()), await textOf(await send())]).toEqual(['ok', 'ok'])
    expect(proxy.heads.length).toBe(2)
  })

  test('stands when the whole of the answer is there, in however many pieces', async () => {
    const says = async (socket: Socket) => {
      for (const piece of ['HTT', 'P/1.0 200 Fine\r', '\nVia: x\r\n\r']) {
        socket.write(piece)
        await Bun.sleep(5)
      }
      const far = connect(Number(new URL(target.url).port), '127.0.0.1')
      socket.on('close', () => far.destroy())
      socket.write('\n')
      socket.pipe(far).pipe(socket)
    }
    const { egress, target } = await behindProxy(OK, { says })
    expect(await textOf(await sending(egress)())).toBe('ok')
  })

  test.each([
    ['malformed', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
    ['malformed', 'nonsense'],
    ['malformed', `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(20_000)}`],
    ['closed', (socket: Socket) => socket.end()],
    ['unreachable', (socket: Socket) => socket.resetAndDestroy()],
    ['timeout', () => undefined],
  ] as const)('that is %s does not stand, and holds nothing', async (code, says) => {
    const { egress, proxy } = await behindProxy(OK, { says })
    const problem = await problemOf(() => sending(egress, 100)())
    expect(problem.code).toBe(code === 'timeout' ? 'upstream_timeout' : 'upstream_unreachable')
    expect(problem.cause).toMatchObject({ name: 'ProxyFault', code })
    await eventually(() => proxy.open() === 0)
  })

  test('is given up at once with the request it was asked for', async () => {
    const { egress, proxy } = await behindProxy(OK, { says: () => undefined })
    const leaving = new AbortController()
    const sent = sending(egress)(ELSEWHERE, { signal: leaving.signal })
    await eventually(() => proxy.heads.length === 1)
    leaving.abort()
    expect((await problemOf(() => sent)).code).toBe('client_gone')
    await eventually(() => proxy.open() === 0, 'the end of the tunnel', 500)
  })
})
