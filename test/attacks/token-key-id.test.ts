import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Counting, countingUpstream } from '../kit/counting.ts'
import { part, type Signer, signer } from '../kit/jwt.ts'
import { type Siege, sieges } from '../kit/siege.ts'

const { lay, also, lift } = sieges()
const NAMES = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'size', 'get', '0', 'null', 'undefined']

let siege: Siege
let trap: Counting
let attacker: Signer
beforeAll(async () => {
  siege = await lay()
  trap = also(countingUpstream(() => Response.json({ keys: [attacker.jwk] })))
  attacker = await signer('good')
})
afterAll(lift)

const forge = (header: Record<string, unknown>) => attacker.sign(siege.claims(), header)

describe('a kid', () => {
  test.each([
    '../../../../../../dev/null',
    '/dev/null',
    'file:///etc/passwd',
    'data:application/json,{"keys":[]}',
    "x' UNION SELECT 'key",
    '$(id)',
    '`id`',
    'good\0',
    'good\n',
    ' good',
    'good ',
    'Good',
    'ｇｏｏｄ',
    'go\u00adod',
    '*',
    '.*',
    '%67ood',
    '\ud800',
    ...NAMES,
  ])('that is made up (%j) finds no key', async kid => {
    const { stage, message } = await siege.repels(await forge({ kid }))
    expect(stage).toBe('key')
    expect(message).toBe('Unknown key: no signing key of this kid is published.')
  })

  const OTHERS: unknown[] = [
    '',
    0,
    1,
    1.5,
    true,
    false,
    null,
    [],
    ['good'],
    [['good']],
    {},
    { good: 'good' },
    { toString: 'good' },
  ]

  test.each(OTHERS.map(kid => ({ kid })))('that is no text (%j) is a fault of form', async ({ kid }) => {
    for (const token of [await forge({ kid }), await siege.issuer.sign(siege.claims(), { kid })])
      expect(await siege.repels(token)).toMatchObject({
        stage: 'form',
        message: 'Malformed token: kid must be a non-empty string.',
      })
  })

  test('that is missing is not looked for elsewhere', async () => {
    for (const more of [{}, { KID: 'good' }, { 'k\u0131d': 'good' }, { x5t: 'good' }])
      expect((await siege.repels(await forge({ kid: undefined, ...more }))).stage).toBe('form')
    const token = `${part('{"alg":"ES256","__proto__":{"kid":"good"}}')}.${part(siege.claims({ kid: 'good' }))}.${'A'.repeat(86)}`
    expect((await siege.repels(token)).stage).toBe('form')
  })

  test('of four thousand bytes, or of the key’s own name a thousand times, finds no key', async () => {
    for (const kid of ['k'.repeat(4000), 'good'.repeat(1000), '\u{1f600}'.repeat(1000), '\\'.repeat(2000)])
      expect((await siege.repels(await forge({ kid }))).stage).toBe('key')
  })

  test('that is the name of something every object has is a name like any other once it is published', async () => {
    const keys = await Promise.all(NAMES.map(signer))
    const odd = await lay({ entries: ({ jwk }) => [...keys.map(key => key.jwk), jwk] })
    for (const key of keys) {
      expect((await odd.show(await key.sign(odd.claims()))).status).toBe(200)
      expect((await odd.repels(await attacker.sign(odd.claims(), { kid: key.kid }))).stage).toBe('signature')
    }
  })

  test('of a key without one is not guessed, though it is the only key', async () => {
    const nameless = await lay({ entries: ({ jwk }) => [{ ...jwk, kid: undefined }, jwk] })
    const token = await nameless.issuer.sign(nameless.claims(), { kid: undefined })
    expect((await nameless.repels(token)).stage).toBe('form')
    for (const kid of ['undefined', 'null', '0'])
      expect((await nameless.repels(await nameless.issuer.sign(nameless.claims(), { kid }))).stage).toBe('key')
  })

  test('published twice is nobody’s, with another key or with the same', async () => {
    const twice = await signer('twice')
    const other = await signer('twice')
    for (const pair of [
      [twice, other],
      [other, twice],
      [twice, twice],
    ]) {
      const double = await lay({ entries: ({ jwk }) => [...pair.map(key => key.jwk), jwk] })
      for (const key of [twice, other])
        expect(await double.repels(await key.sign(double.claims()))).toMatchObject({
          stage: 'key',
          message: 'Unknown key: its kid is published more than once.',
        })
    }
  })
})

describe('a hint at another key is not followed, and nothing is fetched:', () => {
  const hints = (url: string, jwk: object): Record<string, unknown>[] => [
    { kid: url },
    { jku: url },
    { jku: [url] },
    { jku: { url } },
    { x5u: url },
    { jwk },
    { jwk: { ...jwk, jku: url } },
    { jwk: url },
    { x5c: [url] },
    { x5c: ['MIIB'] },
    { x5t: url, 'x5t#S256': url },
    { url, iss: url, jwks_uri: url, jwks: { keys: [jwk] } },
    { jku: url, x5u: url, jwk, x5c: [url], kid: 'elsewhere' },
  ]

  test.each(hints('', {}).map((_, at) => at))('number %d', async at => {
    for (const url of [trap.url, `${trap.url}/jwks.json`, `//${new URL(trap.url).host}/`]) {
      const { stage } = await siege.repels(await forge(hints(url, attacker.jwk)[at] ?? {}))
      expect(stage).toBeOneOf(['key', 'signature'])
    }
    expect(trap.requests).toEqual([])
  })

  test('one in the claims', async () => {
    const { url } = trap
    const claims = siege.claims({ jku: url, iss: url, cnf: { jwk: attacker.jwk, jku: url } })
    expect((await siege.repels(await attacker.sign(claims))).stage).toBe('signature')
    expect((await siege.repels(await siege.issuer.sign(claims))).stage).toBe('claims')
    expect(trap.requests).toEqual([])
  })

  test('one in the key set itself', async () => {
    const { url } = trap
    const hinting = await lay({
      entries: ({ jwk }) => [
        { kid: 'hint', jku: url, x5u: url, kty: 'EC', crv: 'P-256' },
        { ...jwk, jku: url, x5u: url, x5c: [url] },
      ],
    })
    hinting.published.answer = () =>
      Response.json(
        { keys: [hinting.issuer.jwk], jwks_uri: url, next: url },
        { headers: { link: `<${url}>; rel=next`, refresh: `0; url=${url}`, location: url } },
      )
    expect((await hinting.repels(await attacker.sign(hinting.claims(), { kid: 'hint' }))).stage).toBe('key')
    hinting.clock.pass(30_000)
    expect((await hinting.repels(await forge({ kid: 'made-up' }))).stage).toBe('key')
    expect(hinting.published.fetches).toBe(2)
    expect(trap.requests).toEqual([])
  })
})
