import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type Kit, startGateway } from '../kit/gateway.ts'

let kit: Kit
beforeAll(async () => {
  kit = await startGateway({ upstream: 'http://127.0.0.1:1', mockLogin: true })
})
afterAll(() => kit.stop())

/** The status of a mock login that comes from this machine. */
async function statusOf(host: string, headers: Record<string, string>): Promise<number> {
  const connection = { timeout: () => undefined, requestIP: () => ({ address: '127.0.0.1' }) }
  const request = new Request(`http://${host}/v1/auth/mock-login`, { method: 'POST', headers, body: '{"email":"a@b"}' })
  return (await kit.fetch(request, connection)).status
}

test.each<Record<string, string>>([
  { 'x-forwarded-for': '203.0.113.5' },
  { 'x-forwarded-for': '127.0.0.1, 203.0.113.5' },
  { 'x-forwarded-for': '203.0.113.5, 127.0.0.1' },
  { 'x-forwarded-for': 'unknown' },
  { 'x-real-ip': '203.0.113.5' },
  { forwarded: 'for=203.0.113.5' },
])('a mock login that a proxy here passes on from elsewhere (%j) finds nothing', async headers => {
  expect(await statusOf('localhost', headers)).toBe(404)
})

test.each(['127.0.0.1', '::1', '127.0.0.1, ::ffff:127.0.0.1'])(
  'a mock login by way of a proxy here, from here (%s), is let in',
  async hops => expect(await statusOf('localhost', { 'x-forwarded-for': hops })).toBe(200),
)

test.each(['localhost.evil.example', 'evil.example', 'localhost.', '[::2]', '10.0.0.1'])(
  'a mock login at the host %s finds nothing',
  async host => expect(await statusOf(host, {})).toBe(404),
)

test('a mock login at a host that is none is no fault of the gateway', async () => {
  const answer = await fetch(`${kit.url}/v1/auth/mock-login`, {
    method: 'POST',
    headers: { host: 'localhost:99999' },
    body: '{"email":"a@b"}',
  })
  expect(answer.status).toBe(404)
})
