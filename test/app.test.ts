import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type Kit, startGateway } from './kit/gateway.ts'

let kit: Kit
beforeAll(async () => {
  kit = await startGateway({ upstream: 'http://127.0.0.1:1' })
})
afterAll(() => kit.stop())

test.each(['http', 'https'])('over %s a route is found, however short the name of the host', async scheme => {
  for (const host of ['a', 'ab', 'gateway.example', '[::1]:5381']) {
    const answer = await kit.fetch(new Request(`${scheme}://${host}/health?x=/`))
    expect([host, answer.status]).toEqual([host, 200])
  }
})
