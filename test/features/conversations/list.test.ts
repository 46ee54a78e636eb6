import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'
import { list } from '../../../src/features/conversations/list.ts'
import { conversationRows, START } from '../../../src/features/conversations/rows.ts'
import { tell } from '../../../src/features/conversations/told.ts'
import { Exchange } from '../../../src/protocol/exchange.ts'
import { requestIdFrom } from '../../../src/protocol/ids.ts'
import type { Log } from '../../../src/protocol/log.ts'
import { belongings } from '../../../src/store/schema.ts'
import type { Store } from '../../../src/store/store.ts'
import type { Asked, Errand } from '../../../src/upstream/errand.ts'
import { clockAt } from '../../kit/clock.ts'
import { openTest } from '../../kit/database.ts'
import { engines } from '../../kit/engines.ts'
import { asking, type Caller, type Owning, owning } from '../../kit/owning.ts'
import { outcome } from '../../kit/problem.ts'

interface Page {
  object: string
  data: { id: string; metadata?: object }[]
  first_id: string | null
  last_id: string | null
  has_more: boolean
}

const BARE = { accept: 'application/vnd.chat-api+json' }

describe.each(engines)('on $name', ({ fresh }) => {
  const clock = clockAt(Date.now())
  let at: Owning
  let ada: Caller
  beforeAll(async () => {
    at = await owning(await fresh(), { now: clock.now })
  })
  afterAll(() => at.stop())
  beforeEach(async () => {
    ada = await at.session()
  })

  const batches = () => at.heard.filter(({ route }) => route === 'POST conversations/batch').length
  const page = (query = '', caller = ada) => caller.told<Page>('GET', `/conversations${query}`)
  const ids = ({ data }: Page) => data.map(({ id }) => id)
  const bare = (query = '', accept = BARE.accept) =>
    fetch(`${at.kit.url}/v1/conversations${query}`, { headers: { ...ada.headers, accept } })
  const begun = async (...used: number[]) => {
    const made: string[] = []
    for (const usedAt of used) made.push(await at.begun(ada, usedAt))
    return made
  }

  test('who has nothing gets an empty list, and the backend is not asked', async () => {
    const before = at.heard.length
    expect(await page()).toEqual({ object: 'list', data: [], first_id: null, last_id: null, has_more: false })
    expect(await (await bare()).json()).toEqual([])
    expect(at.heard).toHaveLength(before)
  })

  test('a list is the caller’s own, the last used first, each as the backend tells it', async () => {
    const [first, second] = await begun(1, 2)
    await at.begun(await at.session())
    await ada.ask('POST', `/conversations/${first}`, { metadata: { title: 'Hello' } })
    const entry = { object: 'conversation', created_at: expect.any(Number) }
    expect(await page()).toEqual({
      object: 'list',
      data: [
        { id: first!, ...entry, metadata: { title: 'Hello' } },
        { id: second!, ...entry, metadata: {} },
      ],
      first_id: first!,
      last_id: second!,
      has_more: false,
    })
  })

  test('pages follow one another, either way, and hold each once though all were used at one moment', async () => {
    const made = await begun(7, 7, 7, 7, 7)
    for (const order of ['asc', 'desc']) {
      const seen: string[] = []
      for (let after = ''; ; ) {
        const next = await page(`?limit=2&order=${order}${after}`)
        seen.push(...ids(next))
        if (!next.has_more) break
        expect(next.data).toHaveLength(2)
        after = `&after=${next.last_id}`
      }
      expect([...seen].sort()).toEqual(made.toSorted())
    }
  })

  test('an id to come after is one of the caller’s, else it is nobody’s', async () => {
    const [own] = await begun(1)
    const foreign = await at.begun(await at.session())
    const [before, bodies] = [at.heard.length, new Set<string>()]
    const others = [foreign, 'conv_unknown', own!.toUpperCase(), own!.slice(5), `${own}.`, '', '%00', '%F0%9F%98%80']
    for (const after of others) {
      const answer = await ada.ask('GET', `/conversations?after=${after}`)
      bodies.add(`${answer.status} ${await answer.text()}`)
    }
    expect([...bodies]).toEqual([expect.stringMatching(/^404 .*You have nothing of that id/)])
    expect(at.heard).toHaveLength(before)
    expect((await page(`?after=${own}`)).data).toEqual([])
  })

  test('the older array has all of them, in the same order and not in pages', async () => {
    const made = await begun(...Array.from({ length: 21 }, (_, at) => at))
    const answer = await bare('', `text/html, Application/vnd.chat-api+json;q=0.9`)
    expect(answer.headers.get('content-type')).toBe('application/json;charset=utf-8')
    expect(answer.headers.get('vary')).toBe('accept')
    const all = (await answer.json()) as Page['data']
    expect(all.map(({ id }) => id)).toEqual(made.toReversed())
    expect((await page()).data).toEqual(all.slice(0, 20))
    expect((await bare('?limit=2')).status).toBe(400)
  })

  test('what the backend has no longer is forgotten, and the page is filled without it', async () => {
    const [a, b, c, d] = await begun(4, 3, 2, 1)
    for (const id of [a, b]) await at.behind(`DELETE conversations/${id}`)
    const before = batches()
    expect(await page('?limit=1')).toMatchObject({ data: [{ id: c! }], first_id: c!, last_id: c!, has_more: true })
    expect(batches() - before).toBe(2)
    expect((await at.rowsOf(ada)).map(({ id }) => id).sort()).toEqual([c!, d!].sort())
    expect((await ada.ask('GET', `/conversations/${a}`)).status).toBe(404)
  })

  test('a list is booked with what went down, and is not asked for while the backend cools down', async () => {
    await begun(1)
    const text = await (await ada.ask('GET', '/conversations')).text()
    await at.kit.ledger.flush()
    const { usage } = await ada.told<{ usage: { route: string; bytes_down: number }[] }>('GET', '/users/me/export')
    expect(usage).toMatchObject([{ route: '/v1/conversations', bytes_down: text.length }])
    at.cloud.next({ on: 'POST conversations/batch', status: 503, headers: { 'retry-after': '5' } })
    expect((await ada.ask('GET', '/conversations')).status).toBe(503)
    const before = at.heard.length
    const answer = await ada.ask('GET', '/conversations')
    expect([answer.status, Object(await answer.json()).error.code]).toEqual([503, 'upstream_overloaded'])
    expect(at.heard).toHaveLength(before)
    clock.pass(5000)
    expect((await page()).data).toHaveLength(1)
  })

  test('another answer of the backend is the answer, and forgets nothing', async () => {
    await begun(1)
    at.cloud.next({ on: 'POST conversations/batch', status: 429, headers: { 'retry-after': '9' } })
    const answer = await ada.ask('GET', '/conversations')
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '9'])
    at.cloud.next({ on: 'POST conversations/batch', status: 403 })
    expect((await ada.ask('GET', '/conversations')).status).toBe(502)
    at.cloud.next({ on: 'POST conversations/batch', cut: 'before' })
    expect((await ada.ask('GET', '/conversations')).status).toBe(502)
    expect((await page()).data).toHaveLength(1)
  })
})

describe('over a backend that says what it likes', () => {
  const owner = 'u_ada'
  let store: Store
  beforeEach(async () => {
    store = await openTest('sqlite::memory:')
  })
  afterEach(() => store.close())

  async function own(count: number) {
    const id = sql`${sql.placeholder('id')}`
    const insert = store.db.insert(belongings).values({ kind: 'conversation', id, owner, createdAt: 1, usedAt: 1 })
    const statement = insert.prepare()
    await store.atomically(Array.from({ length: count }, (_, at) => ({ statement, values: { id: `conv_${at}` } })))
  }

  /** Asks for the list, or for the bare array; the backend answers so. */
  function ask(errand: Errand, { accept = '*/*', rows = conversationRows(store) } = {}) {
    const request = new Request('http://gateway.test/v1/conversations', { headers: { accept } })
    const log: Log = (_level, event) => events.push(event)
    return list({ rows, tell: tell(asking(errand)), log })(request, owner, new Exchange(requestIdFrom(null), 0))
  }
  const events: string[] = []
  const left = async () => (await store.db.select().from(belongings).prepare().execute()).length
  const idsIn = ({ body }: Asked): string[] => JSON.parse(String(body)).ids

  test('an odd answer forgets nothing', async () => {
    await own(2)
    const odd: Errand = async asked => Response.json({ data: [], missing_ids: [...idsIn(asked), 'conv_foreign'] })
    expect(await outcome(() => ask(odd))).toBe('upstream_malformed')
    expect(await left()).toBe(2)
  })

  test('of very many, no more than four calls are under way at once', async () => {
    await own(4001)
    let [open, most] = [0, 0]
    const sizes: number[] = []
    const answer = await ask(async asked => {
      most = Math.max(most, ++open)
      sizes.push(idsIn(asked).length)
      await new Promise(setImmediate)
      open--
      return Response.json({ data: idsIn(asked).map(id => ({ id })), missing_ids: [] })
    }, BARE)
    const told = (await answer.json()) as { id: string }[]
    expect([most, sizes]).toEqual([4, [1000, 1000, 1000, 1000, 1]])
    expect(told.map(({ id }) => id)).toEqual(
      (await conversationRows(store).page(owner, LAST_FIRST)).map(({ id }) => id),
    )
  })

  test('what cannot be forgotten now is left out all the same, and the log says so', async () => {
    await own(2)
    const rows = { ...conversationRows(store), forget: () => Promise.reject(new Error('the disk is full')) }
    const gone: Errand = async asked =>
      Response.json({ data: [{ id: 'conv_0' }], missing_ids: idsIn(asked).slice(0, 1) })
    expect(await (await ask(gone, { rows })).json()).toMatchObject({ data: [{ id: 'conv_0' }], has_more: false })
    expect(events).toEqual(['prune_failed'])
  })
})

const LAST_FIRST = { order: 'desc', behind: START.desc, count: 5000 } as const
