import { expect, test } from 'bun:test'
import { exposition } from '../../src/metrics/exposition.ts'

const at = (host: string) =>
  exposition({ type: 'text/plain; version=0.0.4; charset=utf-8', text: async () => 'a 1\n', host })
const answer = at('127.0.0.1')
const ask = (path: string, method = 'GET') => answer(new Request(`http://127.0.0.1:9464${path}`, { method }))

test('GET /metrics is the text, which nobody may keep', async () => {
  const told = await ask('/metrics')
  expect([told.status, await told.text()]).toEqual([200, 'a 1\n'])
  expect(told.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  expect(told.headers.get('cache-control')).toBe('no-store')
  expect((await ask('/metrics?x=1')).status).toBe(200)
})

test.each(['/', '/metrics/', '/metric', '/x/metrics', '/metricsx', '/v1/models'])('%s is nothing', async path => {
  const told = await ask(path)
  expect([told.status, await told.text()]).toEqual([404, 'Metrics are at /metrics.\n'])
})

test.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('%s is refused', async method => {
  const told = await ask('/metrics', method)
  expect([told.status, told.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
})

test.each([
  ['127.0.0.1', 'localhost:9464', 200],
  ['localhost', '127.0.0.2', 200],
  ['::1', '[::1]:9464', 200],
  ['127.0.0.1', 'rebound.example:9464', 421],
  ['::1', '127.0.0.1.rebound.example', 421],
  ['localhost', 'localhost.rebound.example', 421],
  ['0.0.0.0', 'gateway:9464', 200],
  ['::', 'gateway:9464', 200],
])('on %s whoever asks by %s gets a %d', async (host, name, status) => {
  expect((await at(host)(new Request(`http://${name}/metrics`))).status).toBe(status)
})
