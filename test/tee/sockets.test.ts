import { afterEach, describe, expect, test } from 'bun:test'
import { rmSync, writeFileSync } from 'node:fs'
import { Problem } from '../../src/protocol/problem.ts'
import { overHttp, overSockets, type Reach } from '../../src/tee/sockets.ts'
import { agentOnSocket, rawSocket, socketPath } from '../kit/agent.ts'

const open: { stop(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map(({ stop }) => stop()))
})
function kept<T extends { stop(): Promise<void> }>(served: T): T {
  open.push(served)
  return served
}

const raw = async (path: string, serve: Parameters<typeof rawSocket>[1]) => kept(await rawSocket(path, serve))
const on = (path: string, seed?: string) => kept(agentOnSocket(seed === undefined ? { path } : { path, seed }))
const asked = (reach: Reach, body = '{}', method = 'Version') => reach(method, body, AbortSignal.timeout(3000))
const statusOf = async (reach: Reach) => (await asked(reach)).status
const codeOf = (reach: Reach) =>
  asked(reach).then(
    ({ status }) => status,
    error => (error instanceof Problem ? error.code : error),
  )
const appOf = async (reach: Reach) => Object(await (await asked(reach, '{}', 'Info')).json()).app_id

const WHOLE = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}'
const CUT = 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"key":"'

describe('where an agent is looked for', () => {
  test('the first socket that answers is taken, past those that are absent, dead or something else', async () => {
    const [absent, file, first, second] = [socketPath(), socketPath(), socketPath(), socketPath()]
    writeFileSync(file, '')
    const [one, two] = [on(first), on(second)]
    const reach = overSockets([absent, file, first, second])
    expect([await statusOf(reach), await statusOf(reach)]).toEqual([200, 200])
    expect([one.asked.length, two.asked.length]).toEqual([2, 0])
  })

  test('without any, it is not available', async () => {
    expect(await codeOf(overSockets([socketPath(), socketPath()]))).toBe('agent_unavailable')
    expect(await codeOf(overSockets([]))).toBe('agent_unavailable')
    expect(await codeOf(overHttp('http://127.0.0.1:1'))).toBe('agent_unavailable')
  })

  test('who speaks no HTTP is no agent', async () => {
    const path = socketPath()
    await raw(path, socket => socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'))
    const next = on(socketPath())
    expect(await codeOf(overSockets([path]))).toBe('agent_unavailable')
    expect(await codeOf(overSockets([path, next.path]))).toBe(200)
  })

  test('an http URL is one place more', async () => {
    const server = Bun.serve({ port: 0, fetch: request => new Response(new URL(request.url).pathname) })
    kept({ stop: () => server.stop(true) })
    const answer = await asked(overHttp(`http://127.0.0.1:${server.port}/prpc`), '{}', 'Info')
    expect(await answer.text()).toBe('/prpc/Info')
  })
})

describe('an agent that was started anew', () => {
  test('is found on the same path', async () => {
    const path = socketPath()
    const old = agentOnSocket({ path, seed: 'old' })
    const reach = overSockets([path])
    const before = await appOf(reach)
    await old.stop()
    on(path, 'new')
    expect(await appOf(reach)).not.toBe(before)
  })

  test('is found on the same path though the old one still runs on a socket that nobody can name', async () => {
    const path = socketPath()
    const old = kept(agentOnSocket({ path, seed: 'old' }))
    const reach = overSockets([path])
    await asked(reach)
    rmSync(path)
    on(path, 'new')
    await asked(reach)
    expect(old.asked).toEqual(['Version'])
  })

  test('is found on a later path, kept to, and found again on an earlier one', async () => {
    const [first, second] = [socketPath(), socketPath()]
    const old = agentOnSocket({ path: first })
    const reach = overSockets([first, second])
    await asked(reach)
    await old.stop()
    const moved = agentOnSocket({ path: second })
    expect(await statusOf(reach)).toBe(200)
    const back = on(first)
    await asked(reach)
    expect([moved.asked.length, back.asked.length]).toEqual([2, 0])
    await moved.stop()
    await asked(reach)
    expect(back.asked.length).toBe(1)
  })
})

describe('a connection that breaks', () => {
  test.each([
    ['before the answer', ''],
    ['inside the answer', CUT],
  ])('%s is asked again, once', async (_, bytes) => {
    const path = socketPath()
    const mends = await raw(path, (socket, nth) => socket.end(nth === 1 ? bytes : WHOLE))
    expect(await codeOf(overSockets([path]))).toBe(200)
    expect(mends.count()).toBe(2)
  })

  test('each time is given up, and nobody else is asked: somebody is there', async () => {
    const path = socketPath()
    const breaks = await raw(path, socket => socket.end(CUT))
    const other = on(socketPath())
    expect(await codeOf(overSockets([path, other.path]))).toBe('agent_unavailable')
    expect([breaks.count(), other.asked.length]).toEqual([2, 0])
  })

  test('is not asked again once the time is up', async () => {
    const path = socketPath()
    const slow = await raw(path, () => undefined)
    const given = overSockets([path, path])('Info', '{}', AbortSignal.timeout(20))
    expect(await given.catch(error => error.name)).toBe('TimeoutError')
    expect(slow.count()).toBe(1)
  })
})

describe('an answer', () => {
  test('in chunks is put together', async () => {
    const path = socketPath()
    await raw(path, socket =>
      socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n'),
    )
    expect(await (await asked(overSockets([path]))).text()).toBe('{}')
  })

  test('of more than four mebibytes is given up, and its connection left', async () => {
    const path = socketPath()
    const left = Promise.withResolvers<void>()
    await raw(path, socket => {
      socket.once('close', () => left.resolve())
      socket.write(`HTTP/1.1 200 OK\r\n\r\n${' '.repeat(6_291_456)}`)
    })
    expect(await codeOf(overSockets([path]))).toBe('agent_failed')
    await left.promise
  })

  test('of any status is one, and leads nowhere else', async () => {
    const path = socketPath()
    await raw(path, socket =>
      socket.end('HTTP/1.1 307 Moved\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n'),
    )
    expect(await codeOf(overSockets([path]))).toBe(307)
  })
})
