import { describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { assert, constantFrom, dictionary, oneof, property, string } from 'fast-check'
import { downHeaders, idempotencyKeyOf, SEALED_UP, upHeaders } from '../../src/protocol/headers.ts'

const UP = [
  'accept',
  'content-type',
  'ehbp-encapsulated-key',
  'x-tinfoil-events',
  'x-tinfoil-model',
  'x-tinfoil-cache-prefix',
  'x-tinfoil-seal',
]
const DOWN = [
  'content-type',
  'content-length',
  'content-encoding',
  'content-disposition',
  'ehbp-response-nonce',
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
  'x-tinfoil-seal',
  'tinfoil-enclave',
  'tinfoil-pt',
]
const OURS = { 'cache-control': 'no-store, no-transform', 'x-accel-buffering': 'no' }

const NEVER_UP = [
  'accept-encoding',
  'authorization',
  'connection',
  'content-length',
  'cookie',
  'expect',
  'forwarded',
  'host',
  'keep-alive',
  'origin',
  'proxy-authorization',
  'referer',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'user-agent',
  'via',
  'x-api-key',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
  'x-request-id',
  'x-tinfoil-enclave-url',
  'x-tinfoil-request-usage-metrics',
  'x-tinfoil-tool-secret',
  'idempotency-key',
]
const NEVER_DOWN = [
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-origin',
  'access-control-expose-headers',
  'alt-svc',
  'authorization',
  'connection',
  'keep-alive',
  'location',
  'proxy-authenticate',
  'server',
  'set-cookie',
  'strict-transport-security',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
  'www-authenticate',
  'x-powered-by',
  'x-protocol-version',
  'x-ratelimit-limit-requests',
  'x-tinfoil-usage-metrics',
]

const value = string({ unit: constantFrom(...'abc ,;=/"'), minLength: 1, maxLength: 6 }).filter(
  text => text.trim() === text,
)
// Comes down too, under another name.
const isRenamed = (name: string) => name === 'x-request-id'
const name = oneof(
  constantFrom(...UP, ...DOWN, ...NEVER_UP, ...NEVER_DOWN),
  string({ unit: constantFrom(...'abcdeh-xp'), minLength: 1, maxLength: 8 }),
).filter(name => !isRenamed(name))

describe('on the way up', () => {
  test('only what is on the list passes, and it passes unchanged', async () => {
    await assert(
      property(dictionary(name, value), headers => {
        const wanted = Object.fromEntries(Object.entries(headers).filter(([name]) => UP.includes(name)))
        expect(upHeaders(new Headers(headers), SEALED_UP)).toEqual(wanted)
      }),
    )
  })

  test.each(NEVER_UP)('%s stays here', name => {
    expect(upHeaders(new Headers({ [name]: 'x', accept: '*/*' }), SEALED_UP)).toEqual({ accept: '*/*' })
  })

  test.each(UP)('%s goes through in whatever case it is written', name => {
    expect(upHeaders(new Headers({ [name.toUpperCase()]: 'x' }), SEALED_UP)).toEqual({ [name]: 'x' })
  })

  test('what the client names in Connection for the next hop stays here', () => {
    expect(upHeaders(new Headers({ connection: 'x-hop, close', 'x-hop': '1' }), SEALED_UP)).toEqual({})
  })

  test('what no header may hold is refused', () => {
    expect(() => upHeaders(new Headers({ accept: 'a\x7f' }), SEALED_UP)).toThrow('Malformed accept header')
    expect(upHeaders(new Headers({ accept: 'a\xe9\tb', cookie: '\x7f' }), SEALED_UP)).toEqual({ accept: 'a\xe9\tb' })
  })

  test('an empty value is a value', () => {
    expect(upHeaders(new Headers({ accept: '' }), SEALED_UP)).toEqual({ accept: '' })
  })
})

describe('on the way down', () => {
  test('only what is on the list passes, beside our own word on caching', async () => {
    await assert(
      property(dictionary(name, value), headers => {
        const wanted = Object.fromEntries(Object.entries(headers).filter(([name]) => DOWN.includes(name)))
        expect(downHeaders(headers)).toEqual({ ...wanted, ...OURS })
      }),
    )
  })

  test.each(NEVER_DOWN)('%s stays there', name => {
    expect(downHeaders({ [name]: 'x' })).toEqual(OURS)
    expect(downHeaders({ [name]: ['x', 'y'] })).toEqual(OURS)
  })

  test("the upstream's request id comes down under a name of its own", () => {
    expect(downHeaders({ 'x-request-id': 'theirs' })).toEqual({ ...OURS, 'x-upstream-request-id': 'theirs' })
  })

  test('the upstream has no say on caching or buffering', () => {
    const said = { 'cache-control': 'public, max-age=60', 'x-accel-buffering': 'yes', expires: 'never', etag: '"1"' }
    expect(downHeaders(said)).toEqual(OURS)
  })

  test('one answer’s headers do not leak into the next', () => {
    downHeaders({})['x-mark'] = 'one'
    expect(downHeaders({})).toEqual(OURS)
  })
})

describe('an idempotency key', () => {
  const key = new Uint8Array(32).fill(1)

  test('goes up as the HMAC of caller and value, so that two callers who chose the same one never meet', () => {
    const mac = createHmac('sha256', key).update('j_a\0one').digest('base64url')
    expect(idempotencyKeyOf(key, 'j_a', 'one')).toBe(mac)
    expect(idempotencyKeyOf(key, 'j_b', 'one')).not.toBe(mac)
    expect(idempotencyKeyOf(key, 'j_a', 'two')).not.toBe(mac)
  })
})
