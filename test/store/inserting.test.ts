import { describe, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'
import { asked } from '../../src/store/inserting.ts'
import { openDatabase } from '../../src/store/open.ts'
import { receipts, usageDays } from '../../src/store/schema.ts'
import type { Store } from '../../src/store/store.ts'
import { engines } from '../kit/engines.ts'

const value = (name: string) => sql`${sql.placeholder(name)}`

const kept = ({ db }: Store) =>
  db
    .insert(receipts)
    .values({ id: value('id'), owner: value('owner'), content: value('content') })
    .prepare()

const summed = ({ db }: Store) => {
  const zero = { promptTokens: value('none'), completionTokens: value('none'), errors: value('none') }
  return db
    .insert(usageDays)
    .values({
      ...{ owner: value('owner'), day: value('day'), requests: value('requests'), costPico: value('cost') },
      ...{ ...zero, cut: value('none'), responses: value('none') },
    })
    .onConflictDoUpdate({
      target: [usageDays.owner, usageDays.day],
      set: { requests: sql`${usageDays.requests} + excluded.requests` },
    })
    .prepare()
}

// What JSON, SQL or a driver might take for something else; the last as every engine writes half a character.
const TEXTS = ['', 'null', '{"a":[1]}', `it's "so" \\ \\u0041 $1`, 'é \u2028 \ud83d\ude00 \u0001', '\ufffd']

describe.each(engines)('rows that go together on $name', ({ fresh, run }) => {
  async function opened() {
    const url = await fresh()
    const store = await openDatabase(url)
    await store.migrate()
    return { url, store }
  }

  test('are kept to the letter', async () => {
    const { url, store } = await opened()
    const statement = kept(store)
    const sent = TEXTS.with(-1, '\ud83d')
    await store.atomically(
      sent.map((text, at) => ({ statement, values: { id: `${at}`, owner: 'ada', content: text } })),
    )
    const rows = await run(url, 'SELECT content FROM receipts ORDER BY id')
    expect(rows.map(({ content }) => content)).toEqual(TEXTS)
    await store.close()
  })

  test('add to what is there, whole numbers to their last digit', async () => {
    const { url, store } = await opened()
    const statement = summed(store)
    const cost = 9_007_199_254_740_993n
    const add = (requests: number) =>
      store.atomically(
        ['ada', 'bob', 'eve'].map(owner => ({ statement, values: { owner, day: 20_000, requests, cost, none: 0 } })),
      )
    await add(1)
    await add(2)
    const found = await run(
      url,
      'SELECT owner, requests, CAST(cost_pico AS TEXT) AS cost FROM usage_days ORDER BY owner',
    )
    expect(found).toEqual(['ada', 'bob', 'eve'].map(owner => ({ owner, requests: 3, cost: `${cost}` })))
    await store.close()
  })

  test('are all there, or none', async () => {
    const { url, store } = await opened()
    const statement = kept(store)
    const ids = ['a', 'b', 'a']
    const writes = ids.map(id => ({ statement, values: { id, owner: 'ada', content: '' } }))
    expect(await store.atomically(writes).catch(error => error.code)).toBe('database_unavailable')
    expect(await run(url, 'SELECT id FROM receipts')).toEqual([])
    await store.close()
  })
})

test('rows of one insert that follow each other are one statement of PostgreSQL’s, whatever their number', () => {
  const as = (text: string) => ({ getQuery: () => ({ sql: text, params: [sql.placeholder('a')] }) })
  const [insert, update] = [as('insert into "t" ("a") values ($1)'), as('update "t" set "a" = $1')]
  const rows = (count: number, statement = insert) =>
    Array.from({ length: count }, (_, a) => ({ statement, values: { a } }))
  const texts = asked([...rows(3), ...rows(2, update), ...rows(70), ...rows(1, update), ...rows(1)]).map(
    ({ text }) => text,
  )
  const [together] = texts
  const alone = [update, update, update, insert].map(each => each.getQuery().sql)
  expect(texts).toEqual([together, alone[0], alone[1], together, alone[2], alone[3]] as string[])
  expect(together).toStartWith('insert into "t" ("a") select "a" from json_populate_recordset(')
})
