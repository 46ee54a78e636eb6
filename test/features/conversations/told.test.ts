import { describe, expect, test } from 'bun:test'
import { type Tell, tell } from '../../../src/features/conversations/told.ts'
import { Exchange } from '../../../src/protocol/exchange.ts'
import { requestIdFrom } from '../../../src/protocol/ids.ts'
import type { Asked, Errand } from '../../../src/upstream/errand.ts'
import { asking } from '../../kit/owning.ts'
import { outcome } from '../../kit/problem.ts'

const exchange = new Exchange(requestIdFrom(null), 0)
const idsIn = ({ body }: Asked): string[] => JSON.parse(String(body)).ids
const telling = (answer: (asked: Asked) => string | Uint8Array<ArrayBuffer>): Tell =>
  tell(asking(async asked => new Response(answer(asked))))
const json = JSON.stringify

test('as many calls are made as it takes, each for 1000 ids at most, and none for none', async () => {
  const asked: Asked[] = []
  const all = Array.from({ length: 2001 }, (_, at) => `conv_${at}`)
  const ask = telling(it => {
    asked.push(it)
    return json({ data: idsIn(it).map(id => ({ id })), missing_ids: [] })
  })
  const told = await ask(all, exchange)
  if (told instanceof Response) throw new Error('no answer of its own')
  expect([...told.found.keys()]).toEqual(all)
  expect(asked.map(it => [it.method, it.path, idsIn(it).length])).toEqual([
    ['POST', '/v1/conversations/batch', 1000],
    ['POST', '/v1/conversations/batch', 1000],
    ['POST', '/v1/conversations/batch', 1],
  ])
  expect(asked[0]?.headers).toEqual({ 'x-request-id': exchange.id })
  expect([exchange.reached, exchange.backend]).toEqual([true, 'openai'])
  await ask([], exchange)
  expect(asked).toHaveLength(3)
})

test('entries are as they came, and what is said to be gone is gone; of the rest nothing is known', async () => {
  const entry = { id: 'a', metadata: { title: 'ä', nested: [null] } }
  const ask = telling(() => json({ object: 'list', data: [entry], missing_ids: ['c'] }))
  expect(await ask(['a', 'b', 'c'], exchange)).toEqual({ found: new Map([['a', entry]]), missing: ['c'] })
})

describe('an odd answer is none:', () => {
  test.each([
    ['no JSON', '<html>'],
    ['nothing', ''],
    [
      'no UTF-8',
      Buffer.concat([Buffer.from('{"data":[],"missing_ids":[],"x":"'), Buffer.from([0xff]), Buffer.from('"}')]),
    ],
    ['an array', '[]'],
    ['null', 'null'],
    ['no data', json({ missing_ids: ['a'] })],
    ['no missing ids', json({ data: [{ id: 'a' }] })],
    ['data that is no list', json({ data: { a: 1 }, missing_ids: [] })],
    ['missing ids that are no list', json({ data: [], missing_ids: 'a' })],
    ['an entry that is no object', json({ data: ['a'], missing_ids: [] })],
    ['an entry that is null', json({ data: [null], missing_ids: ['a'] })],
    ['an entry without an id', json({ data: [{}], missing_ids: ['a'] })],
    ['an id that is no text', json({ data: [{ id: ['a'] }], missing_ids: [] })],
    ['an entry that was not asked for', json({ data: [{ id: 'x' }], missing_ids: ['a'] })],
    ['another spelling', json({ data: [{ id: 'A' }], missing_ids: [] })],
    ['one entry twice', json({ data: [{ id: 'a' }, { id: 'a' }], missing_ids: [] })],
    ['one that is there and gone', json({ data: [{ id: 'a' }], missing_ids: ['a'] })],
    ['one that is gone twice', json({ data: [], missing_ids: ['a', 'a'] })],
    ['a missing id that was not asked for', json({ data: [], missing_ids: ['a', 'x'] })],
    ['a missing id that is no text', json({ data: [], missing_ids: [0] })],
  ])('%s', async (_, body) => {
    expect(await outcome(() => telling(() => body)(['a', 'b'], exchange))).toBe('upstream_malformed')
  })
})

test('any answer but 200 is handed on', async () => {
  const headers = { 'content-type': 'application/json', 'retry-after': '7' }
  const ask: Errand = async () => new Response('{"error":{}}', { status: 429, headers })
  const answer = await tell(asking(ask))(['a'], exchange)
  if (!(answer instanceof Response)) throw new Error('told')
  expect([answer.status, await answer.text(), answer.headers.get('retry-after')]).toEqual([429, '{"error":{}}', '7'])
})
