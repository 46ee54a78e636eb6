import { afterEach, describe, expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import type { JWK } from 'jose'
import { countingUpstream } from '../kit/counting.ts'
import { withCorpus } from '../kit/data.ts'
import { type Published, signer } from '../kit/jwt.ts'
import { sieges } from '../kit/siege.ts'

const { lay, also, lift } = sieges()
afterEach(lift)

const evil = await signer('evil')
const zeros = Buffer.alloc(32).toString('base64url')
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })

interface Points {
  testGroups: { tests: { tcId: number; result: 'valid' | 'invalid'; public: JWK; private: JWK }[] }[]
}

describe('a key set with poison in it', () => {
  withCorpus<Points>(
    'wycheproof/ecdh_secp256r1_webcrypto_test.json',
    'has of Wycheproof’s points those on the curve, and each good key beside the others',
    async ({ testGroups }) => {
      const vectors = testGroups.flatMap(({ tests }) => tests)
      const published = vectors.map(({ tcId, public: key }) => ({ ...key, kid: `point ${tcId}` }))
      const siege = await lay({ entries: ({ jwk }) => [...published, jwk] })
      const wrong: number[] = []
      for (const { tcId, result } of vectors) {
        const token = await evil.sign(siege.claims(), { kid: `point ${tcId}` })
        const { stage } = await siege.repels(token)
        if (stage !== (result === 'valid' ? 'signature' : 'key')) wrong.push(tcId)
      }
      expect(wrong).toEqual([])
      expect(vectors.filter(({ result }) => result === 'invalid')).toHaveLength(23)
    },
  )

  test.each<[string, unknown]>([
    ['a private key', { ...evil.jwk, d: zeros }],
    ['a private key whose private half is null', { ...evil.jwk, d: null }],
    ['a shared secret', { kty: 'oct', kid: 'evil', k: evil.jwk.x, alg: 'HS256', use: 'sig' }],
    ['a shared secret with the members of a key', { ...evil.jwk, kty: 'oct', k: evil.jwk.x }],
    ['an RSA private key', { ...rsa.privateKey.export({ format: 'jwk' }), kid: 'evil' }],
    [
      'a key of certificates alone',
      { kty: 'EC', crv: 'P-256', kid: 'evil', x5c: ['MIIB'], x5t: 'AA', x5u: 'https://evil.example/' },
    ],
    ['a point at infinity', { ...evil.jwk, x: zeros, y: zeros }],
    ['a point off the curve', { ...evil.jwk, y: evil.jwk.x }],
    ['a coordinate of 31 bytes', { ...evil.jwk, x: zeros.slice(0, 42) }],
    ['a coordinate of 64 bytes', { ...evil.jwk, x: `${evil.jwk.x}${'A'.repeat(43)}` }],
    ['a coordinate that is a number', { ...evil.jwk, x: 7 }],
    ['a coordinate in hex', { ...evil.jwk, x: Buffer.from(evil.jwk.x ?? '', 'base64url').toString('hex') }],
    ['a key for encryption', { ...evil.jwk, use: 'enc' }],
    ['a key for another algorithm', { ...evil.jwk, alg: 'ES384' }],
    ['a key that may only sign', { ...evil.jwk, key_ops: ['sign'] }],
    ['a kid in a list', { ...evil.jwk, kid: ['evil'] }],
    ['a prototype', JSON.parse(`{"__proto__":${JSON.stringify(evil.jwk)}}`)],
    ['a key set', { keys: [evil.jwk] }],
    ['a list of keys', [evil.jwk]],
    ['a key as text', JSON.stringify(evil.jwk)],
    ['null', null],
  ])('(%s) does not trust it, and stays good beside it', async (_, entry) => {
    const siege = await lay({ entries: ({ jwk }) => [entry, jwk, entry] })
    expect((await siege.repels(await evil.sign(siege.claims()))).stage).toBe('key')
    expect(siege.kit.lines.join()).toContain('"keys":1')
  })

  test('never says a word of a private key that it held', async () => {
    const siege = await lay({ entries: ({ jwk }) => [{ ...evil.jwk, d: 'hunter2-hunter2-hunter2' }, jwk] })
    await siege.repels(await evil.sign(siege.claims()))
    expect(siege.kit.lines.join()).not.toContain('hunter2')
  })
})

describe('a document that is no key set', () => {
  const trap = () => also(countingUpstream(() => Response.json({ keys: [evil.jwk] })))
  const ofSize = (bytes: number) => new Response(`{"keys":[],"x":"${'x'.repeat(bytes)}"}`)

  /** A body that goes on for ever; says how much of it was taken. */
  function endless() {
    const state = { bytes: 0 }
    const pull = (controller: ReadableStreamDefaultController) => {
      state.bytes += 65_536
      controller.enqueue(Buffer.alloc(65_536, ' '))
    }
    return { state, answer: () => new Response(new ReadableStream({ pull })) }
  }

  test.each<[string, () => Published['answer']]>([
    ['of 20 MiB', () => () => ofSize(20 * 1_048_576)],
    ['of a mebibyte and a bit', () => () => ofSize(1_048_576)],
    ['without an end', () => endless().answer],
    [
      'that is a page',
      () => () => new Response('<!doctype html><title>Sign in</title>', { headers: { 'content-type': 'text/html' } }),
    ],
    ['that is a redirect', () => () => Response.redirect(trap().url, 302)],
    ['that is a lasting redirect', () => () => Response.redirect(trap().url, 308)],
    ['that is a list', () => () => Response.json([evil.jwk])],
    ['that is an empty list', () => () => Response.json([])],
    ['whose keys are an object', () => () => Response.json({ keys: {} })],
    ['whose keys are an object like a list', () => () => Response.json({ keys: { 0: evil.jwk, length: 1 } })],
    ['whose keys are text', () => () => Response.json({ keys: JSON.stringify([evil.jwk]) })],
    [
      'whose keys are its prototype’s',
      () => () => new Response(`{"__proto__":{"keys":[${JSON.stringify(evil.jwk)}]}}`),
    ],
    ['that is null', () => () => Response.json(null)],
    ['that is nothing', () => () => new Response('')],
    ['that is cut short', () => () => new Response('{"keys":[')],
    ['that is nested a hundred thousand deep', () => () => new Response('['.repeat(100_000))],
    [
      'that is nested and whole',
      () => () => new Response(`{"keys":${'['.repeat(100_000)}${']'.repeat(100_000)},"keys":7}`),
    ],
    ['that is no UTF-8', () => () => new Response(Buffer.of(0x7b, 0xff, 0x7d))],
    ['in UTF-16', () => () => new Response(Buffer.from(JSON.stringify({ keys: [evil.jwk] }), 'utf16le'))],
    [
      'in gzip',
      () => () =>
        new Response(Bun.gzipSync(JSON.stringify({ keys: [evil.jwk] })), { headers: { 'content-encoding': 'gzip' } }),
    ],
    ['of an error', () => () => Response.json({ keys: [evil.jwk] }, { status: 500 })],
    ['of a refusal', () => () => Response.json({ keys: [evil.jwk] }, { status: 403 })],
    ['of another success', () => () => Response.json({ keys: [evil.jwk] }, { status: 203 })],
  ])('(%s) changes nothing: its keys are not taken, the last good ones are kept', async (_, answer) => {
    const siege = await lay()
    await siege.letsIn()
    siege.published.answer = answer()
    siege.clock.pass(30_000)
    expect((await siege.repels(await evil.sign(siege.claims()))).stage).toBe('key')
    expect(siege.published.fetches).toBe(2)
    expect(siege.kit.lines.filter(line => line.includes('keys_failed'))).toHaveLength(1)
  })

  test('is not followed anywhere', async () => {
    const elsewhere = trap()
    const siege = await lay({ answer: () => Response.redirect(`${elsewhere.url}/jwks.json`, 307) })
    const answer = await siege.show(await evil.sign(siege.claims()))
    expect(answer.status).toBe(503)
    expect(await answer.json()).toMatchObject({ error: { code: 'keys_unavailable' } })
    expect(elsewhere.requests).toEqual([])
    expect(siege.upstream.requests).toEqual([])
  })

  test('is not read further than a mebibyte and what is on its way', async () => {
    const { state, answer } = endless()
    const siege = await lay({ answer })
    expect((await siege.show(await siege.issuer.sign(siege.claims()))).status).toBe(503)
    await Bun.sleep(50)
    const { bytes } = state
    expect(bytes).toBeLessThan(16 * 1_048_576)
    await Bun.sleep(50)
    expect(state.bytes).toBe(bytes)
  })
})

describe('a key set of very many keys', () => {
  const many = (count: number, entry: (at: number) => object) => Array.from({ length: count }, (_, at) => entry(at))

  test('of ten thousand whole ones is too large, and the last good one is kept', async () => {
    const siege = await lay()
    await siege.letsIn()
    siege.published.answer = () => Response.json({ keys: many(10_000, at => ({ ...evil.jwk, kid: `evil-${at}` })) })
    siege.clock.pass(30_000)
    expect((await siege.repels(await evil.sign(siege.claims(), { kid: 'evil-1' }))).stage).toBe('key')
  })

  test('of ten thousand poor ones still has its good one', async () => {
    const siege = await lay({
      entries: ({ jwk }) => [...many(10_000, at => ({ kty: 'EC', crv: 'P-256', kid: `${at}` })), jwk],
    })
    expect((await siege.repels(await evil.sign(siege.claims(), { kid: '7' }))).stage).toBe('key')
  })

  test('that are good is taken in in many turns, between which requests pass', async () => {
    const { kty, crv, x, y } = evil.jwk
    const siege = await lay()
    await siege.letsIn()
    siege.published.answer = () =>
      Response.json({ keys: [...many(6500, at => ({ kty, crv, x, y, kid: `${at}` })), siege.issuer.jwk] })
    siege.clock.pass(30_000)
    const asking = evil.sign(siege.claims(), { kid: '6499' }).then(siege.show)
    const from = performance.now()
    let slowest = 0
    let over = false
    const asked = asking.finally(() => {
      over = true
    })
    for (let at = performance.now(); !over; at = performance.now()) {
      await Bun.sleep(1)
      slowest = Math.max(slowest, performance.now() - at)
    }
    expect((await asked).status).toBe(200)
    // Taken in at once, it would be one turn that lasts nearly as long as the whole.
    expect(slowest).toBeLessThan((performance.now() - from) / 2)
  })
})
