import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type CloudGateway, cloudGateways, RESPONSE_DUE_MS, wrongIn } from '../kit/books.ts'
import { lock } from '../kit/conversing.ts'
import { engines } from '../kit/engines.ts'
import { rawUpstream } from '../kit/raw.ts'
import { eventually } from '../kit/stage.ts'

const { start, also, clear } = cloudGateways()
afterAll(clear)

const RESPOND = 'POST /v1/responses'
const ON = 'POST responses'
const ASKED = { model: 'stand-in/small', input: 'Hello there' }
const MANNERS = [
  ['in one piece', false],
  ['as a stream', true],
] as const
const CREATED = 'event: response.created\ndata: {"type":"response.created","response":{"id":"resp_1"}}\n\n'

/** A backend that answers whatever it is asked with these pieces; at `…` it waits until it is told to go on, at `∞` for ever. */
function answering(
  pieces: readonly string[],
  headers: Record<string, string> = { 'content-type': 'text/event-stream' },
) {
  const deleted: string[] = []
  const more = Promise.withResolvers<void>()
  const left = Promise.withResolvers<void>()
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    fetch: ({ method, url, signal }) => {
      if (method === 'DELETE') deleted.push(new URL(url).pathname)
      signal.addEventListener('abort', () => left.resolve())
      const body = async function* () {
        for (const piece of pieces) {
          if (piece === '…') await more.promise
          else if (piece === '∞') await left.promise
          else yield Buffer.from(piece)
          await Bun.sleep(1)
        }
      }
      return new Response(body() as never, { headers })
    },
  })
  const { origin } = server.url
  return { deleted, more: more.resolve, left: left.promise, origin, stop: () => server.stop(true) }
}

/** What is held when its client leaves. */
const LEFT: readonly (readonly [string, readonly string[], Record<string, string> | undefined])[] = [
  ['in one piece', ['…', '{"id":"resp_2"', '∞'], { 'content-type': 'application/json' }],
  ['as a stream', [': ping\n\n', '…', CREATED, '∞'], undefined],
]

async function textOf(answer: Response): Promise<{ text: string; isWhole: boolean }> {
  let text = ''
  try {
    for await (const piece of answer.body ?? []) text += Buffer.from(piece)
    return { text, isWhole: true }
  } catch {
    return { text, isWhole: false }
  }
}

describe.each(engines)('on $name', ({ name, fresh, run }) => {
  let [url, at] = ['', undefined as unknown as CloudGateway]
  beforeAll(async () => {
    url = await fresh()
    at = await start(url, { stand: { pace: 0 } })
  })

  /** While this lasts nothing can be given to anybody. */
  const away = (isAway: boolean) =>
    run(url, isAway ? 'ALTER TABLE belongings RENAME TO away' : 'ALTER TABLE away RENAME TO belongings')
  const respond = (stream: boolean, init: RequestInit = {}, who = 'ada') =>
    at.ask(RESPOND, { body: JSON.stringify({ ...ASKED, stream }), ...init }, who)
  const inTheEnd = async () => {
    at.clock.pass(RESPONSE_DUE_MS)
    await at.kit.reconcile()
    return wrongIn(url, at.cloud, ['responses'])
  }
  /** A gateway on the same database before such a backend. */
  const before = async (...given: Parameters<typeof answering>) => {
    const odd = also(answering(...given))
    return { odd, ...(await start(url, { cloud: odd.origin })) }
  }

  describe.each(MANNERS)('a response %s', (_, stream) => {
    test('is its caller’s when they read its id, and noted', async () => {
      const answer = await respond(stream)
      const { text } = await textOf(answer)
      const id = /"id":"(resp_[^"]+)"/.exec(text)?.[1] ?? ''
      expect([answer.status, at.cloud.ids('responses').at(-1)]).toEqual([200, id])
      const [row] = await run(url, `SELECT * FROM belongings WHERE id = '${id}'`)
      const [act] = await run(url, `SELECT * FROM activity WHERE about = '${id}'`)
      expect(row).toMatchObject({ kind: 'response', owner: expect.any(String) })
      expect(act).toMatchObject({ kind: 'response', owner: row?.['owner'] })
      expect((await at.books()).makings).toBe(0)
    })

    test('goes up under a key that nobody else has, or the client’s own', async () => {
      const keys = async (headers: Record<string, string>) => {
        await (await respond(stream, { headers })).text()
        return at.heard.at(-1)?.headers.get('idempotency-key')
      }
      const given = { 'idempotency-key': crypto.randomUUID() }
      const [one, two, mine, again] = [await keys({}), await keys({}), await keys(given), await keys(given)]
      expect(new Set([one, two, mine, given['idempotency-key']]).size).toBe(4)
      expect(again).toBe(mine)
      expect((await at.books()).makings).toBe(0)
    })

    test('that cannot be given to its caller is never told of, and deleted at once', async () => {
      at.cloud.next({ on: ON, after: () => away(true) })
      const answer = await respond(stream)
      const { text, isWhole } = await textOf(answer)
      await away(false)
      expect(text).not.toContain('resp_')
      expect([answer.status, isWhole]).toEqual([503, true])
      expect(await eventually(async () => 'makings' in (await wrongIn(url, at.cloud, ['responses'])))).toBe(true)
      expect(await wrongIn(url, at.cloud, ['responses'])).toEqual({ makings: 1 })
      expect(await inTheEnd()).toEqual({})
    })

    test('that was lost is asked for again, and what comes of that goes', async () => {
      at.cloud.next({ on: ON, cut: 'after' })
      expect((await respond(stream)).status).toBe(502)
      at.clock.pass(RESPONSE_DUE_MS - 1)
      await at.kit.reconcile()
      expect((await at.books()).makings).toBe(1)
      expect(await inTheEnd()).toEqual({})
    })

    test('that is refused leaves nothing to be done', async () => {
      for (const [given, status] of [
        [400, 400],
        [401, 502],
        [429, 429],
      ] as const) {
        at.cloud.next({ on: ON, status: given })
        expect((await respond(stream)).status).toBe(status)
        await eventually(async () => (await at.books()).makings === 0)
      }
    })

    test('that comes when it was given up already is nobody’s, and goes', async () => {
      const after = async () => {
        at.clock.pass(RESPONSE_DUE_MS)
        await at.kit.reconcile()
      }
      at.cloud.next({ on: ON, after })
      const answer = await respond(stream)
      const { text, isWhole } = await textOf(answer)
      expect([answer.status, isWhole]).toEqual([504, true])
      expect(text).not.toContain('resp_')
      await at.kit.reconcile()
      expect(await wrongIn(url, at.cloud, ['responses'])).toEqual({})
    })
  })

  test('what is not written down is not asked for', async () => {
    const asked = at.heard.length
    await run(url, 'ALTER TABLE makings RENAME TO away')
    const answer = await respond(true)
    await run(url, 'ALTER TABLE away RENAME TO makings')
    expect([answer.status, at.heard.length]).toEqual([503, asked])
  })

  test('where no backend can be reached nothing is left to be done', async () => {
    const { ask, books } = await start(url, { cloud: 'http://127.0.0.1:1' })
    expect((await ask(RESPOND, { body: JSON.stringify(ASKED) })).status).toBe(502)
    expect((await books()).makings).toBe(0)
  })

  test('a stream of which something has passed breaks off before the id', async () => {
    const { odd, ask, kit, clock, books } = await before([': ping\n\n', '…', CREATED, 'data: 1\n\n'])
    const answer = await ask(RESPOND, { body: JSON.stringify(ASKED) })
    await away(true)
    odd.more()
    expect(await textOf(answer)).toEqual({ text: ': ping\n\n', isWhole: false })
    await away(false)
    await eventually(() => odd.deleted.length > 0)
    clock.pass(RESPONSE_DUE_MS)
    await kit.reconcile()
    expect(odd.deleted).toEqual(['/v1/responses/resp_1', '/v1/responses/resp_1'])
    expect(await books()).toMatchObject({ orphans: [], makings: 0 })
  })

  test('events flow as they come, before and after the one that names it', async () => {
    const { odd, ask } = await before([': ping\n\n', '…', CREATED, 'data: 1\n\n', 'data: 2'])
    const { body } = await ask(RESPOND, { body: JSON.stringify(ASKED) })
    const reader = body!.getReader()
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe(': ping\n\n')
    odd.more()
    let text = ''
    for (let part = await reader.read(); !part.done; part = await reader.read()) text += Buffer.from(part.value)
    expect(text).toBe(`${CREATED}data: 1\n\ndata: 2`)
  })

  test.each([
    ['events that name none', ['data: {"type":"error"}\n\n', 'data: {"x"'], undefined],
    ['JSON that names none', ['{"error":{"id":"x"}', '}'], 'application/json'],
    ['nothing', [''], 'application/json'],
  ])('an answer of %s flows, and nothing is left to be done', async (_, pieces, type) => {
    const { ask, books } = await before(pieces, type === undefined ? undefined : { 'content-type': type })
    const owned = (await books()).owned.length
    const answer = await ask(RESPOND, { body: JSON.stringify(ASKED) })
    expect([answer.status, await answer.text()]).toEqual([200, pieces.join('')])
    await eventually(async () => (await books()).makings === 0)
    expect((await books()).owned).toHaveLength(owned)
  })

  test.each([
    ['that no id can be', ['{"id":"../models"}'], { 'content-type': 'application/json' }],
    ['too long to be an id', [`{"id":"${'x'.repeat(2000)}"}`], { 'content-type': 'application/json' }],
    ['in a coding that nobody asked for', ['{}'], { 'content-type': 'application/json', 'content-encoding': 'gzip' }],
  ])('what names itself %s is refused', async (_, pieces, headers) => {
    const { ask, kit, clock, books } = await before(pieces, headers)
    const answer = await ask(RESPOND, { body: JSON.stringify(ASKED) })
    expect([answer.status, Object(await answer.json()).error.code]).toEqual([502, 'upstream_malformed'])
    clock.pass(RESPONSE_DUE_MS)
    await kit.reconcile()
    expect((await books()).makings).toBe(0)
  })

  test('what is framed as no HTTP is nobody’s, and is asked about', async () => {
    const odd = also(await rawUpstream('HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n{"id":"resp_1"}'))
    const { ask, books } = await start(await fresh(), { cloud: odd.url })
    expect((await ask(RESPOND, { body: JSON.stringify(ASKED) })).status).toBe(502)
    expect(await books()).toEqual({ owned: [], orphans: [], makings: 1 })
  })

  test('somebody else’s id stays theirs', async () => {
    await (await respond(false)).text()
    const id = at.cloud.ids('responses').at(-1) ?? ''
    const { ask, odd } = await before([JSON.stringify({ id })], { 'content-type': 'application/json' })
    expect((await ask(RESPOND, { body: JSON.stringify(ASKED) }, 'eve')).status).toBe(502)
    expect(odd.deleted).toEqual([])
    expect((await at.ask(`GET /v1/responses/${id}`, {}, 'eve')).status).toBe(404)
    expect((await at.ask(`GET /v1/responses/${id}`)).status).toBe(200)
  })

  // The lock that holds it is SQLite's.
  test.each(name === 'SQLite' ? LEFT : [])(
    'a client that leaves while it is held frees the backend (%s)',
    async (_, pieces, headers) => {
      const { odd, ask, books } = await before(pieces, headers)
      const leaving = new AbortController()
      const asked = ask(RESPOND, { body: JSON.stringify(ASKED), signal: leaving.signal })
      await eventually(async () => (await books()).makings > 0)
      const letGo = lock(url)
      odd.more()
      const gone = asked.then(textOf).catch(() => undefined)
      await Bun.sleep(50)
      leaving.abort()
      await Promise.all([odd.left, gone])
      letGo()
      await eventually(async () => (await books()).makings === 0)
    },
  )
})
