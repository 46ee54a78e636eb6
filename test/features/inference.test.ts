import { Database } from 'bun:sqlite'
import { afterEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { INFERENCE } from '../../src/protocol/routes.ts'
import { clockAt } from '../kit/clock.ts'
import { countingUpstream } from '../kit/counting.ts'
import { freshDirectory } from '../kit/directory.ts'
import { startGateway } from '../kit/gateway.ts'
import { answerBytes, stages } from '../kit/stage.ts'

const { set, also, clear } = stages()
afterEach(clear)

const OK = answerBytes('200 OK', {}, 'ok')

test.each(INFERENCE.map(route => [route.method, route.path, 'cached' in route] as const))(
  '%s %s goes up as it came, whatever its body is (but if it is a prompt, JSON)',
  async (method, path, cached) => {
    const { ask, upstream } = await set(OK)
    const posted = cached ? ' {"\\u0075ser_cache_secret" :\tnull,"n":1e999}\n' : '--b\r\n\xff\0{not json'
    const body = method === 'POST' ? posted : ''
    const headers = method === 'POST' ? { 'Content-Type': 'multipart/form-data; boundary=b' } : {}
    const client = await ask(`${method} ${path}?q=1`, { ...headers, 'Content-Length': String(body.length) }, body)
    expect((await client.seen('\r\n\r\n')).split(' ')[1]).toBe('200')
    const { text } = await upstream.first()
    expect(text).toStartWith(`${method} ${path}?q=1 HTTP/1.1\r\n`)
    expect(text).toEndWith(`\r\n\r\n${body}`)
  },
)

test('what is not in the table is not there', async () => {
  const { ask, upstream } = await set(OK)
  for (const line of ['POST /v1/files', 'POST /v1/realtime', 'GET /metrics', 'POST /v1/chat'])
    expect((await (await ask(line)).message()).head).toStartWith('HTTP/1.1 404 ')
  expect(upstream.wires).toEqual([])
})

test('an idempotency key goes up, another for each caller', async () => {
  const { post, kit, upstream } = await set(OK)
  await post('{}', { headers: { 'idempotency-key': 'one' } })
  await post('{}', { headers: { 'idempotency-key': 'one' } })
  await post('{}', { headers: { ...(await kit.bearer('bob')), 'idempotency-key': 'one' } })
  const keys = upstream.wires.flatMap(({ text }) =>
    [...text.matchAll(/\r\nidempotency-key: (.*)\r\n/gi)].map(([, key]) => key),
  )
  expect(keys).toHaveLength(3)
  expect(keys[0]).toMatch(/^[A-Za-z0-9_-]{43}$/)
  expect(keys[1]).toBe(keys[0])
  expect(keys[2]).not.toBe(keys[0])
})

describe('the attestation bundle', () => {
  const BUNDLE = '{"domain":"enclave.example","digest":"00"}'
  const reply = answerBytes('200 OK', { 'Content-Type': 'application/json', 'Set-Cookie': 'a=b' }, BUNDLE)

  test('is relayed to anyone, byte for byte, and not to be stored', async () => {
    const { kit, upstream } = await set(reply)
    const answer = await fetch(`${kit.url}/attestation`)
    expect([answer.status, await answer.text()]).toEqual([200, BUNDLE])
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('set-cookie')).toBeNull()
    const { text } = await upstream.first()
    expect(text).toStartWith('GET /attestation HTTP/1.1\r\n')
    expect(text.toLowerCase()).not.toContain('authorization')
  })

  test('is fetched once for all who ask within ten seconds, and again when a 422 has passed', async () => {
    const clock = clockAt(Date.now())
    const upstream = also(countingUpstream(() => new Response(BUNDLE, { status: 200 })))
    const unready = also(countingUpstream(() => Response.json({}, { status: 422 })))
    const kit = also(await startGateway({ upstream: unready.url, atcUrl: upstream.url, now: clock.now }))
    const bundle = () => fetch(`${kit.url}/attestation`).then(answer => answer.text())
    await Promise.all(Array.from({ length: 5 }, bundle))
    clock.pass(9999)
    await bundle()
    expect(upstream.requests).toHaveLength(1)
    clock.pass(1)
    await bundle()
    expect(upstream.requests).toHaveLength(2)
    const refused = await fetch(`${kit.url}/v1/chat/completions`, {
      method: 'POST',
      headers: await kit.bearer(),
      body: '{}',
    })
    expect(refused.status).toBe(422)
    await bundle()
    expect(upstream.requests).toHaveLength(3)
  })

  test('is not kept when it could not be had', async () => {
    let up = false
    const upstream = also(
      countingUpstream(() => (up ? new Response(BUNDLE) : new Response('booting', { status: 503 }))),
    )
    const kit = also(await startGateway({ upstream: upstream.url }))
    const failed = await fetch(`${kit.url}/attestation`)
    expect([failed.status, await failed.text()]).toEqual([502, expect.not.stringContaining('booting')])
    up = true
    expect((await fetch(`${kit.url}/attestation`)).status).toBe(200)
  })

  test('stands under exactly one path', async () => {
    const { kit, upstream } = await set(reply)
    for (const path of ['/attestationjunk', '/attestation/', '/v1/attestation', '/attestation/x'])
      expect((await fetch(kit.url + path)).status).toBe(404)
    expect((await fetch(`${kit.url}/attestation`, { method: 'POST', body: '{}' })).status).toBe(405)
    expect(upstream.wires).toEqual([])
  })

  test('is limited by address: twenty at once, then one a second', async () => {
    const { kit } = await set(reply, { proxies: ['127.0.0.0/8'], now: clockAt().now })
    const ask = async (address: string) =>
      (await fetch(`${kit.url}/attestation`, { headers: { 'x-forwarded-for': address } })).status
    const statuses = await Promise.all(Array.from({ length: 25 }, () => ask('2001:db8:1:2::7')))
    expect(statuses.filter(status => status === 200)).toHaveLength(20)
    expect(await ask('2001:db8:1:2:ffff::1')).toBe(429)
    expect(await ask('2001:db8:1:3::1')).toBe(200)
    expect(await ask('2001:db8:1:3::1, 2001:db8:1:2::8')).toBe(429)
  })

  test('is limited by the peer where no proxy is trusted', async () => {
    const { kit } = await set(reply, { now: clockAt().now })
    const ask = async (at: number) =>
      (await fetch(`${kit.url}/attestation`, { headers: { 'x-forwarded-for': `198.51.100.${at}` } })).status
    const statuses = await Promise.all(Array.from({ length: 25 }, (_, at) => ask(at)))
    expect(statuses.filter(status => status === 429)).toHaveLength(5)
  })

  test('leaves no row of an address behind, also where callers are not limited', async () => {
    const clock = clockAt()
    const path = join(freshDirectory(), 'swept.db')
    const { kit } = await set(reply, { path, rpm: 0, now: clock.now })
    await fetch(`${kit.url}/attestation`)
    const file = new Database(path, { readonly: true })
    const rows = () => file.query('SELECT owner FROM limits').all()
    expect(rows()).toEqual([{ owner: expect.stringMatching(/^a_[0-9a-f]{32}$/) }])
    clock.pass(60_000)
    await kit.sweep()
    expect(rows()).toEqual([])
    file.close()
  })
})
