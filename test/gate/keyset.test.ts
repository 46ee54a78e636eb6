import { afterEach, describe, expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { type KeySet, keySet } from '../../src/gate/keyset.ts'
import { type Call, calls } from '../../src/upstream/call.ts'
import { keySetSource } from '../../src/upstream/sources.ts'
import { type Clock, clockAt } from '../kit/clock.ts'
import { type Published, publish, signer } from '../kit/jwt.ts'
import { outcome, problemOf } from '../kit/problem.ts'

const { call } = calls()

const [one, two] = [await signer('one'), await signer('two')]

/** A slow server is given up after half a second here; that it is given 10 s is the source's own word, and tested below. */
const impatient: Call = asked => call({ ...asked, withinMs: 500 })

interface Started {
  set: KeySet
  published: Published
  clock: Clock
  events: string[]
}

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

function start(...entries: unknown[]): Started {
  const published = publish(...entries)
  const clock = clockAt()
  const events: string[] = []
  const load = keySetSource({ call: impatient, jwksUrl: published.url, issuer: undefined })
  const set = keySet({ load, now: clock.now, log: (_, event) => events.push(event) })
  stops.push(set.stop, published.stop)
  return { set, published, clock, events }
}

describe('a key set', () => {
  test('is fetched at once, and nobody waits for it who does not ask', async () => {
    const { set, published } = start(one.jwk)
    expect(set.isReady()).toBe(false)
    const key = await set.find('one')
    expect(await crypto.subtle.exportKey('jwk', key)).toMatchObject({ x: one.jwk.x, y: one.jwk.y, key_ops: ['verify'] })
    expect(set.isReady()).toBe(true)
    expect(published.fetches).toBe(1)
  })

  test('gives a key that is there without a promise', async () => {
    const { set } = start(one.jwk)
    await set.find('one')
    expect(set.find('one')).toBeInstanceOf(CryptoKey)
  })

  test('gives each key by its own kid', async () => {
    const { set } = start(one.jwk, two.jwk)
    const found = await Promise.all(['one', 'two'].map(kid => set.find(kid)))
    const exported = await Promise.all(found.map(key => crypto.subtle.exportKey('jwk', key)))
    expect(exported.map(({ x }) => x)).toEqual([one.jwk.x, two.jwk.x])
  })

  test('is asked for with ten seconds and a mebibyte to spare', async () => {
    const asked: { withinMs: number; maxBytes: number }[] = []
    const spy: Call = async what => {
      asked.push(what)
      return Buffer.from('{"keys":[]}')
    }
    await keySetSource({ call: spy, jwksUrl: 'http://127.0.0.1/', issuer: undefined })()
    expect(asked).toMatchObject([{ withinMs: 10_000, maxBytes: 1_048_576 }])
  })
})

describe('a bad key harms only itself:', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' })
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' })
  const unhex = (text: string) => Buffer.from(text, 'hex').toString('base64url')
  /** The generator of secp256k1 (SEC 2, section 2.4.1). */
  const koblitz = {
    x: unhex('79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'),
    y: unhex('483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8'),
  }
  const zeros = Buffer.alloc(32).toString('base64url')

  test.each<[string, unknown]>([
    ['one for encryption', { ...two.jwk, use: 'enc' }],
    ['one for a use that is no text', { ...two.jwk, use: ['sig'] }],
    ['one for another algorithm', { ...two.jwk, alg: 'ES384' }],
    ['one for key agreement', { ...two.jwk, alg: 'ECDH-ES' }],
    ['one that may not verify', { ...two.jwk, key_ops: ['sign'] }],
    ['one that may do nothing', { ...two.jwk, key_ops: [] }],
    ['one whose operations are no list', { ...two.jwk, key_ops: 'verify' }],
    ['one that shows its private half', { ...two.jwk, d: two.jwk.x }],
    ['one with a private half that is none', { ...two.jwk, d: null }],
    ['a shared secret', { kty: 'oct', k: zeros, kid: 'two', alg: 'HS256' }],
    ['an RSA key', { ...rsa, kid: 'two', use: 'sig' }],
    ['a P-384 key', { ...p384, kid: 'two', use: 'sig' }],
    ['a secp256k1 key', { ...two.jwk, ...koblitz, crv: 'secp256k1' }],
    ['a secp256k1 key that says P-256', { ...two.jwk, ...koblitz }],
    ['a point off the curve', { ...two.jwk, y: two.jwk.x }],
    ['the point at nothing', { ...two.jwk, x: zeros, y: zeros }],
    ['one with a short coordinate', { ...two.jwk, x: Buffer.alloc(31, 1).toString('base64url') }],
    ['one with a long coordinate', { ...two.jwk, x: `AA${two.jwk.x}` }],
    ['one with a padded coordinate', { ...two.jwk, x: `${two.jwk.x}=` }],
    ['one without a coordinate', { ...two.jwk, y: undefined }],
    ['one without a kid', { ...two.jwk, kid: undefined }],
    ['one with a number for a kid', { ...two.jwk, kid: 2 }],
    ['nothing', null],
    ['a text', 'two'],
    ['a list', [two.jwk]],
  ])('%s', async (_, bad) => {
    for (const entries of [
      [bad, one.jwk],
      [one.jwk, bad],
    ]) {
      const { set, events } = start(...entries)
      expect(await outcome(() => set.find('one'))).toBe('fine')
      expect(await outcome(() => set.find('two'))).toBe('token_unknown_key')
      expect(events).toEqual(['keys_loaded'])
    }
  })

  test.each<[string, object]>([
    ['no use', { use: undefined }],
    ['no algorithm', { alg: undefined }],
    ['operations with verify among them', { key_ops: ['sign', 'verify'] }],
    ['members that nobody knows', { x5t: 'AA', nbf: 7, x5c: ['AA=='], x5u: 'https://evil.example/' }],
  ])('one with %s is not bad', async (_, fields) => {
    const { set } = start({ ...two.jwk, ...fields })
    expect(await outcome(() => set.find('two'))).toBe('fine')
  })

  test('a key without an id is not found by an empty one', async () => {
    const { set } = start({ ...two.jwk, kid: '' })
    expect(await outcome(() => set.find(''))).toBe('token_unknown_key')
  })
})

describe('a kid that stands there twice', () => {
  test('is nobody’s, even of one key written twice, and other keys are as before', async () => {
    for (const entries of [
      [one.jwk, { ...two.jwk, kid: 'one' }],
      [one.jwk, one.jwk],
      [one.jwk, one.jwk, one.jwk],
    ]) {
      const { set } = start(...entries, two.jwk)
      const problem = await problemOf(() => set.find('one'))
      expect(problem.code).toBe('token_unknown_key')
      expect(problem.message).toContain('more than once')
      expect(await outcome(() => set.find('two'))).toBe('fine')
    }
  })

  test('is the signing key’s when the other is none', async () => {
    const { set } = start({ ...two.jwk, kid: 'one', use: 'enc' }, one.jwk, { kty: 'oct', k: 'AA', kid: 'one' })
    const key = await set.find('one')
    expect((await crypto.subtle.exportKey('jwk', key)).x).toBe(one.jwk.x ?? '')
  })
})

describe('an answer that is no key set keeps the last good one:', () => {
  const slow = () => new Promise<Response>(resolve => setTimeout(resolve, 900, Response.json({ keys: [] })))
  const trap = publish(two.jwk)
  const large = JSON.stringify({ keys: [], padding: 'x'.repeat(1_048_576) })

  test.each<[string, () => Response | Promise<Response>]>([
    ['a page', () => new Response('<html>login</html>', { headers: { 'content-type': 'text/html' } })],
    ['a bare list', () => Response.json([two.jwk])],
    ['null', () => Response.json(null)],
    ['keys that are no list', () => Response.json({ keys: { two: two.jwk } })],
    ['an object without keys', () => Response.json({ error: 'none' })],
    ['nothing', () => new Response('')],
    ['half a document', () => new Response('{"keys":[')],
    ['an error', () => Response.json({ keys: [two.jwk] }, { status: 500 })],
    ['no content', () => new Response(null, { status: 204 })],
    ['a redirect', () => Response.redirect(trap.url, 302)],
    ['too much', () => new Response(large)],
    ['too late', slow],
  ])('%s', async (_, answer) => {
    const { set, published, clock, events } = start(one.jwk)
    await set.find('one')
    const { generation } = set
    published.answer = answer
    clock.pass(30_000)
    expect(await outcome(() => set.find('two'))).toBe('token_unknown_key')
    expect(published.fetches).toBe(2)
    expect(events).toEqual(['keys_loaded', 'keys_failed'])
    expect(set.find('one')).toBeInstanceOf(CryptoKey)
    expect([set.isReady(), set.generation, trap.fetches]).toEqual([true, generation, 0])
  })
})
