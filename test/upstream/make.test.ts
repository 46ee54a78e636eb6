import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type CloudGateway, CREATE, cloudGateways, DUE_MS, wrongIn } from '../kit/books.ts'
import { engines } from '../kit/engines.ts'

const { start, also, clear } = cloudGateways()
afterAll(clear)

const ON = 'POST conversations'
const GONE = 'DELETE conversations/{id}'

/** A backend that answers each creation so, and deletes nothing. */
function answering(body: string) {
  const asked: string[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: ({ method }) => {
      asked.push(method)
      return new Response(body, { status: 201, headers: { 'content-type': 'application/json' } })
    },
  })
  return { asked, origin: server.url.origin, stop: () => server.stop(true) }
}

describe.each(engines)('on $name', ({ fresh, run }) => {
  let [url, at] = ['', undefined as unknown as CloudGateway]
  beforeAll(async () => {
    url = await fresh()
    at = await start(url)
  })

  /** While this lasts nothing can be given to anybody. */
  const away = (isAway: boolean) =>
    run(url, isAway ? 'ALTER TABLE belongings RENAME TO away' : 'ALTER TABLE away RENAME TO belongings')

  const create = async (init: RequestInit = {}) => {
    const answer = await at.ask(CREATE, { body: '{"metadata":{}}', ...init })
    const told = Object(await answer.json())
    return { status: answer.status, code: told.error?.code, id: told.id }
  }

  /** What is wrong when all that is due is done. */
  const inTheEnd = async () => {
    at.clock.pass(DUE_MS)
    await at.kit.reconcile()
    return wrongIn(url, at.cloud)
  }

  test('what is not written down is not asked for', async () => {
    const asked = at.heard.length
    await run(url, 'ALTER TABLE makings RENAME TO away')
    const answer = await create()
    await run(url, 'ALTER TABLE away RENAME TO makings')
    expect(answer).toMatchObject({ status: 503, code: 'database_unavailable' })
    expect(at.heard).toHaveLength(asked)
  })

  test.each([
    ['is lost after it', { cut: 'after' as const }, 502],
    ['is lost before it', { cut: 'before' as const }, 502],
    ['is a fault of the server’s', { status: 500 }, 500],
  ])('where the answer to a creation %s, it is asked again, and what comes of it goes', async (_, turn, status) => {
    at.cloud.next({ on: ON, ...turn })
    expect((await create()).status).toBe(status)
    expect((await at.books()).makings).toBe(1)
    await at.kit.reconcile()
    expect((await at.books()).makings).toBe(1)
    expect(await inTheEnd()).toEqual({})
  })

  test.each([
    [400, 400],
    [401, 502],
    [429, 429],
  ])('where the backend refuses it with %d, nothing is left to be done', async (given, status) => {
    at.cloud.next({ on: ON, status: given })
    expect((await create()).status).toBe(status)
    expect((await at.books()).makings).toBe(0)
  })

  test('where no backend is there, nothing was asked: nothing is left to be done, and nothing is booked', async () => {
    const none = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() })
    const { origin } = none.url
    await none.stop(true)
    const { ask, books, kit } = await start(url, { cloud: origin })
    // The other gateway's, which writes into the same books.
    await at.kit.ledger.flush()
    const [before] = await run(url, 'SELECT count(*) AS n FROM ledger')
    const answer = await ask(CREATE, { body: '{}' })
    expect([answer.status, Object(await answer.json()).error.code]).toEqual([502, 'upstream_unreachable'])
    expect((await books()).makings).toBe(0)
    await kit.ledger.flush()
    expect(await run(url, 'SELECT count(*) AS n FROM ledger')).toEqual([before!])
  })

  test('an answer that is lost is booked, for it may cost something', async () => {
    await at.kit.ledger.flush()
    const [before] = await run(url, 'SELECT count(*) AS n FROM ledger')
    at.cloud.next({ on: ON, cut: 'after' })
    expect((await create()).status).toBe(502)
    await at.kit.ledger.flush()
    const [since] = await run(url, 'SELECT count(*) AS n FROM ledger')
    expect(Number(since?.['n']) - Number(before?.['n'])).toBe(1)
    expect(await inTheEnd()).toEqual({})
  })

  test('what cannot be given to its maker is deleted at once, and they are told to try again', async () => {
    const before = at.cloud.ids('conversations')
    at.cloud.next({ on: ON, after: () => away(true) })
    const answer = await create()
    await away(false)
    expect(answer).toMatchObject({ status: 503, code: 'database_unavailable' })
    expect(at.cloud.ids('conversations')).toEqual(before)
    expect(await inTheEnd()).toEqual({})
  })

  test('where the backend is down by then, it is deleted later', async () => {
    at.cloud.next({ on: ON, after: () => away(true) })
    at.cloud.next({ on: GONE, cut: 'before' })
    const answer = await create()
    await away(false)
    expect(answer.status).toBe(503)
    expect(await wrongIn(url, at.cloud)).toMatchObject({ lost: [expect.any(String)], makings: 1 })
    expect(await inTheEnd()).toEqual({})
  })

  test('under a key of the client’s it is left for the next try, which gets it', async () => {
    const headers = { 'idempotency-key': crypto.randomUUID() }
    at.cloud.next({ on: ON, after: () => away(true) })
    expect((await create({ headers })).status).toBe(503)
    await away(false)
    const made = at.cloud.ids('conversations').at(-1)
    expect(await create({ headers })).toMatchObject({ status: 201, id: made })
    expect(await inTheEnd()).toEqual({})
    expect(at.cloud.ids('conversations')).toContain(made ?? '')
  })

  test('what comes when it was given up already is nobody’s, and goes', async () => {
    const after = async () => {
      at.clock.pass(DUE_MS)
      await at.kit.reconcile()
    }
    at.cloud.next({ on: ON, after })
    expect(await create()).toMatchObject({ status: 504, code: 'upstream_timeout' })
    await at.kit.reconcile()
    expect(await wrongIn(url, at.cloud)).toEqual({})
  })

  test('an answer without an id that can be one is refused, asked for once more, and given up', async () => {
    const odd = also(answering('{"id":"../models"}'))
    const { kit, ask, books, clock } = await start(url, { cloud: odd.origin })
    expect((await ask(CREATE, { body: '{}' })).status).toBe(502)
    clock.pass(DUE_MS)
    await kit.reconcile()
    expect((await books()).makings).toBe(0)
    expect(odd.asked).toEqual(['POST', 'POST'])
    expect(kit.lines.some(line => line.includes('making_lost'))).toBe(true)
  })

  test('an id that is somebody else’s stays theirs, and is not deleted', async () => {
    const id = await at.begin('ada')
    const odd = also(answering(JSON.stringify({ id })))
    const { ask } = await start(url, { cloud: odd.origin })
    const answer = await ask(CREATE, { body: '{}' }, 'eve')
    expect([answer.status, Object(await answer.json()).error.code]).toEqual([502, 'upstream_malformed'])
    expect(odd.asked).toEqual(['POST'])
    expect((await at.ask(`POST /v1/conversations/${id}/clone`, {}, 'eve')).status).toBe(404)
    expect((await at.ask(`POST /v1/conversations/${id}/clone`, {}, 'ada')).status).toBe(201)
    expect(await run(url, `SELECT owner FROM activity WHERE about = '${id}'`)).toHaveLength(1)
    expect(await inTheEnd()).toEqual({})
  })
})
