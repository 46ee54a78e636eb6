import { expect, test } from 'bun:test'
import { Exchange } from '../../src/protocol/exchange.ts'
import { requestIdFrom } from '../../src/protocol/ids.ts'
import { passedOn } from '../../src/upstream/passed-on.ts'

const exchange = () => new Exchange(requestIdFrom(null), 0)

test('status and body are as they came, and of the headers those on the list', async () => {
  const bytes = new Uint8Array([0x7b, 0xff, 0x7d])
  const headers = {
    'content-type': 'application/json',
    'retry-after': '3',
    'set-cookie': 'a=b',
    'x-request-id': 'up-1',
  }
  const at = exchange()
  const answer = await passedOn(new Response(bytes, { status: 404, headers }), at, 'openai')
  expect([answer.status, await answer.bytes(), at.code]).toEqual([404, bytes, undefined])
  expect(Object.fromEntries(answer.headers)).toEqual({
    'cache-control': 'no-store, no-transform',
    'content-type': 'application/json',
    'retry-after': '3',
    'x-accel-buffering': 'no',
    'x-sealgate-backend': 'openai',
    'x-sealgate-body': 'plaintext',
    'x-upstream-request-id': 'up-1',
  })
})

test.each([401, 402, 403])('%d speaks of our key, and becomes a 502 that another try does not help', async status => {
  const at = exchange()
  const answer = await passedOn(new Response('{}', { status }), at, 'openai')
  expect([answer.status, answer.headers.get('x-should-retry'), at.code]).toEqual([502, 'false', 'upstream_credentials'])
})

test('an answer without a body has none', async () => {
  const answer = await passedOn(new Response(null, { status: 204 }), exchange(), 'openai')
  expect([answer.status, answer.body]).toEqual([204, null])
})
