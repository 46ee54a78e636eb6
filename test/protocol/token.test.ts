import { describe, expect, test } from 'bun:test'
import { parseJws } from '../../src/protocol/token.ts'
import { part } from '../kit/jwt.ts'
import { outcome, problemOf } from '../kit/problem.ts'

const GOOD = { alg: 'ES256', typ: 'at+jwt', kid: 'one' }
const CLAIMS = part({ sub: 'hunter2' })
const SIGNATURE = Buffer.alloc(64, 1).toString('base64url')
const withHeader = (header: unknown) => `${part(header)}.${CLAIMS}.${SIGNATURE}`
const codeOf = (token: string) => outcome(() => parseJws(token))

describe('a token in its form', () => {
  test('is taken apart into what was signed, by which key, and the signature', () => {
    const token = withHeader(GOOD)
    const jws = parseJws(token)
    expect(jws.kid).toBe('one')
    expect(Buffer.from(jws.signed).toString()).toBe(token.slice(0, token.lastIndexOf('.')))
    expect(Buffer.from(jws.signature)).toEqual(Buffer.alloc(64, 1))
    expect(Buffer.from(jws.payload).toString()).toBe('{"sub":"hunter2"}')
  })

  test.each([
    ['no dots', 'hunter2'],
    ['two parts', `${part(GOOD)}.${CLAIMS}`],
    ['four parts', `${withHeader(GOOD)}.`],
    ['five parts, as a JWE has', `${withHeader(GOOD)}.a.b`],
    ['an empty header', `.${CLAIMS}.${SIGNATURE}`],
    ['only dots', '..'],
    ['nothing', ''],
    ['a padded header', `${part({ ...GOOD, x: 'y' })}=.${CLAIMS}.${SIGNATURE}`],
    ['a padded signature', `${part(GOOD)}.${CLAIMS}.${SIGNATURE}==`],
    ['unused bits in the signature', `${part(GOOD)}.${CLAIMS}.${SIGNATURE.slice(0, -1)}R`],
    ['unused bits in the claims', `${part(GOOD)}.${CLAIMS.slice(0, -1)}R.${SIGNATURE}`],
    ['a blank in the header', `${part(GOOD).slice(0, 4)} ${part(GOOD).slice(4)}.${CLAIMS}.${SIGNATURE}`],
    ['a line break at the end', `${withHeader(GOOD)}\n`],
    ['a blank before it', ` ${withHeader(GOOD)}`],
    ['the other base64 alphabet', `${part(GOOD)}.${CLAIMS}.${'+/'.repeat(43)}`],
    ['a percent escape', withHeader(GOOD).replace('.', '%2e')],
  ])('is malformed with %s', async (_, token) => {
    const problem = await problemOf(() => parseJws(token))
    expect(problem.code).toBe('token_malformed')
    expect(problem.headers).toEqual({ 'www-authenticate': 'Bearer error="invalid_token"' })
    expect(problem.message).toStartWith('Malformed token: ')
    expect(problem.message).not.toContain('hunter2')
  })

  test('has at most 8192 bytes', async () => {
    const rest = withHeader(GOOD).length - CLAIMS.length
    const sized = (length: number) => `${part(GOOD)}.${'A'.repeat(length - rest)}.${SIGNATURE}`
    expect(sized(8192)).toHaveLength(8192)
    expect(await codeOf(sized(8192))).toBe('fine')
    for (const token of [sized(8193), sized(8196), '.'.repeat(5_000_000)]) {
      const problem = await problemOf(() => parseJws(token))
      expect([problem.code, problem.message]).toEqual(['token_malformed', 'Malformed token: longer than 8192 bytes.'])
    }
  })

  test.each([0, 1, 63, 65, 70, 72, 128])('is badly signed by %d bytes', async length => {
    const token = `${part(GOOD)}.${CLAIMS}.${Buffer.alloc(length, 1).toString('base64url')}`
    expect(await codeOf(token)).toBe('token_bad_signature')
  })
})

describe('a token’s header', () => {
  test.each([
    ['"ES256"', '"ES256"'],
    ['an array', '[{"alg":"ES256","kid":"one"}]'],
    ['null', 'null'],
    ['a number', '7'],
    ['two objects', '{"alg":"ES256","kid":"one"}{}'],
    ['an object cut short', '{"alg":"ES256","kid":"one"'],
    ['a comment', '{"alg":"ES256","kid":"one"}//'],
    ['a trailing comma', '{"alg":"ES256","kid":"one",}'],
    ['a byte order mark', '\ufeff{"alg":"ES256","kid":"one"}'],
    ['nothing', ' '],
  ])('is no header when it is %s', async (_, json) => {
    expect(await codeOf(withHeader(json))).toBe('token_malformed')
  })

  test('is no header when it is not UTF-8', async () => {
    const latin1 = Buffer.from('{"alg":"ES256","kid":"é"}', 'latin1').toString('base64url')
    expect(await codeOf(`${latin1}.${CLAIMS}.${SIGNATURE}`)).toBe('token_malformed')
  })

  test.each([
    'none',
    'None',
    '',
    'HS256',
    'RS256',
    'ES384',
    'ES512',
    'ES256K',
    'EdDSA',
    'es256',
    'ES256 ',
    null,
    7,
    [['ES256']],
  ])('with alg %j is refused', async alg => {
    expect(await codeOf(withHeader({ ...GOOD, alg }))).toBe('token_malformed')
  })

  test('without alg is refused', async () => {
    expect(await codeOf(withHeader({ kid: 'one' }))).toBe('token_malformed')
  })

  test.each(['JWT', 'at+jwt', 'application/at+jwt'])('may have typ %s', async typ => {
    expect(await codeOf(withHeader({ ...GOOD, typ }))).toBe('fine')
  })

  test('may have no typ', async () => {
    expect(await codeOf(withHeader({ alg: 'ES256', kid: 'one' }))).toBe('fine')
  })

  test.each([
    '',
    'JOSE',
    'JWE',
    'dpop+jwt',
    'logout+jwt',
    'secevent+jwt',
    'id+jwt',
    'JWT ',
    'text/jwt',
    null,
    1,
    [['JWT']],
    {},
  ])('with typ %j is refused', async typ => {
    expect(await codeOf(withHeader({ ...GOOD, typ }))).toBe('token_malformed')
  })

  test.each(['', null, 1, 0, true, [['one']], { one: 1 }])('with kid %j is refused', async kid => {
    expect(await codeOf(withHeader({ ...GOOD, kid }))).toBe('token_malformed')
  })

  test('without kid is refused', async () => {
    expect(await codeOf(withHeader({ alg: 'ES256' }))).toBe('token_malformed')
  })

  test.each([
    { crit: ['exp'] },
    { crit: [] },
    { crit: null },
    { b64: true },
    { b64: false },
    { b64: null },
    { crit: ['b64'], b64: false },
  ])('with %j is refused, whatever it says', async extension => {
    expect(await codeOf(withHeader({ ...GOOD, ...extension }))).toBe('token_malformed')
  })

  test('may name keys and URLs, which change nothing', () => {
    const hints = { jku: 'https://evil.example/', x5u: 'https://evil.example/', x5c: ['AA=='], jwk: { kty: 'EC' } }
    expect(parseJws(withHeader({ ...GOOD, ...hints })).kid).toBe('one')
  })

  test('is not fooled by the fields of a prototype', async () => {
    const json = '{"alg":"ES256","__proto__":{"kid":"one"}}'
    expect(await codeOf(withHeader(json))).toBe('token_malformed')
  })
})
