import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { part } from '../kit/jwt.ts'
import { type Siege, sieges } from '../kit/siege.ts'

const { lay, lift } = sieges()
let siege: Siege
beforeAll(async () => {
  siege = await lay()
})
afterAll(lift)

const HEADER = '{"alg":"ES256","kid":"good"}'
const NO_SIGNATURE = 'A'.repeat(86)
/** A header as it is written, with claims and a signature that nobody made. */
const unsigned = (header: string | Uint8Array) =>
  `${Buffer.from(header).toString('base64url')}.${part(siege.claims())}.${NO_SIGNATURE}`
/** A token that the issuer signed over claims as they are written. */
const signed = (claims: string) => siege.issuer.sign(claims)
const nested = (open: string, close: string, depth: number) => open.repeat(depth) + close.repeat(depth)
/** Good claims with one more member, written by hand. */
const withMember = (member: string) => `${JSON.stringify(siege.claims()).slice(0, -1)},${member}}`

describe('deep and huge JSON', () => {
  test('of 8 KiB in the header is read or refused, and nothing breaks', async () => {
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
      ['[{"a":', '}]'],
    ] as const) {
      const depth = Math.floor(5000 / (open.length + close.length))
      const deep = open.endsWith(':') ? `${open.repeat(depth)}1${close.repeat(depth)}` : nested(open, close, depth)
      expect((await siege.repels(unsigned(deep))).stage).toBe('form')
      expect((await siege.repels(unsigned(`{"alg":"ES256","kid":"good","x":${deep}}`))).stage).toBe('signature')
      expect((await siege.repels(unsigned(open.repeat(depth)))).stage).toBe('form')
    }
    const many = Array.from({ length: 600 }, (_, at) => `"${at}":${at}`).join()
    expect((await siege.repels(unsigned(`{${many},"alg":"ES256","kid":"good"}`))).stage).toBe('signature')
    expect((await siege.repels(unsigned(`{"alg":"ES256","kid":"good","x":${'9'.repeat(5000)}}`))).stage).toBe(
      'signature',
    )
  })

  test('in signed claims is the issuer’s own affair, and harms nobody', async () => {
    for (const deep of [nested('[', ']', 2500), `${'{"a":'.repeat(700)}1${'}'.repeat(700)}`, '9'.repeat(5000)]) {
      expect((await siege.show(await signed(withMember(`"x":${deep}`)))).status).toBe(200)
      for (const name of ['sub', 'aud', 'iss', 'exp', 'scope', 'nbf'])
        expect((await siege.repels(await signed(withMember(`"${name}":${deep}`)))).stage).toBe('claims')
      expect((await siege.repels(await signed(deep))).stage).toBe('claims')
    }
  })
})

describe('a long token', () => {
  /** A token of exactly so many bytes that the issuer signed. */
  async function sized(length: number): Promise<string> {
    for (const z of ['', 'z', 'zz']) {
      const rest = (await siege.issuer.sign('', { z })).length
      const frame = withMember('"x":""').length
      const bytes = Math.floor(((length - rest) * 3) / 4)
      const token = await siege.issuer.sign(withMember(`"x":"${'x'.repeat(bytes - frame)}"`), { z })
      if (token.length === length) return token
    }
    throw new Error('no token of that length')
  }

  test('of 8,192 bytes is good, and of 8,193 is refused for it', async () => {
    expect((await siege.show(await sized(8192))).status).toBe(200)
    for (const length of [8193, 12_000])
      expect(await siege.repels(await sized(length))).toMatchObject({
        stage: 'form',
        message: 'Malformed token: longer than 8192 bytes.',
      })
  })

  test('in a header of 16 KB and more is refused before it is a request', async () => {
    for (const length of [16_384, 20_000, 60_000])
      expect(await siege.repelsLines(`Authorization: Bearer ${'A'.repeat(length)}`)).toBe(431)
    expect(
      await siege.repelsLines(...Array.from({ length: 40 }, () => `Authorization: Bearer ${'A'.repeat(500)}`)),
    ).toBe(431)
  })

  test('of dots, or of one part, is refused by its form', async () => {
    for (const text of ['.'.repeat(8000), '..', '...', 'A'.repeat(8000), `${'A'.repeat(8000)}..`, '-'.repeat(64)])
      expect((await siege.repels(text)).stage).toBe('form')
  })
})

describe('a time that is none', () => {
  const TIMES = ['1e999', '-1e999', '"9999999999"', 'null', 'true', '[]', '[9999999999]', '{}', '"1e9"', '""']

  test.each(['exp', 'nbf', 'iat'])('as %s is malformed', async name => {
    for (const time of TIMES) {
      const { stage, code, message } = await siege.repels(await signed(withMember(`"${name}":${time}`)))
      expect([stage, code]).toEqual(['claims', 'token_malformed'])
      expect(message).toBe(`Malformed claims: ${name} must be a finite number.`)
    }
  })

  test('as exp is a time past when it is negative or nothing, and a fault when it is missing', async () => {
    for (const time of ['-1', '-1e300', '0', '-0', '1e-300'])
      expect((await siege.repels(await signed(withMember(`"exp":${time}`)))).code).toBe('token_expired')
    expect((await siege.repels(await siege.issuer.sign(siege.claims({ exp: undefined })))).code).toBe('token_malformed')
    expect((await siege.show(await signed(withMember('"exp":1e300')))).status).toBe(200)
  })
})

describe('JSON that two readers would read differently', () => {
  test('has its last member of a name, as RFC 7515 section 4 allows', async () => {
    const header = (text: string) => unsigned(text)
    expect((await siege.repels(header('{"alg":"ES256","alg":"none","kid":"good"}'))).stage).toBe('form')
    expect((await siege.repels(header('{"alg":"ES256","kid":"good","kid":"other"}'))).stage).toBe('key')
    expect((await siege.repels(header('{"alg":"none","alg":"ES256","kid":"good"}'))).stage).toBe('signature')
    expect((await siege.repels(header('{"alg":"none","\\u0061lg":"ES256","kid":"good"}'))).stage).toBe('signature')
    expect((await siege.repels(await signed(withMember('"exp":1')))).code).toBe('token_expired')
    expect((await siege.repels(await signed(withMember('"aud":"theirs"')))).code).toBe('token_wrong_audience')
  })

  test.each<[string, () => Uint8Array]>([
    ['a byte order mark', () => Buffer.from(`\ufeff${HEADER}`)],
    ['a byte order mark behind it', () => Buffer.from(`${HEADER}\ufeff`)],
    ['UTF-16', () => Buffer.from(HEADER, 'utf16le')],
    ['a byte that is no UTF-8', () => Buffer.from(HEADER.replace('good', 'g\u00ff'), 'latin1')],
    [
      'an overlong slash',
      () => Buffer.concat([Buffer.from('{"alg":"ES256","kid":"'), Buffer.of(0xc0, 0xaf), Buffer.from('"}')]),
    ],
    [
      'half a surrogate in bytes',
      () => Buffer.concat([Buffer.from('{"alg":"ES256","kid":"'), Buffer.of(0xed, 0xa0, 0x80), Buffer.from('"}')]),
    ],
    ['a NUL', () => Buffer.from(`${HEADER}\0`)],
    ['a comment', () => Buffer.from(`/**/${HEADER}`)],
    ['single quotes', () => Buffer.from(HEADER.replaceAll('"', "'"))],
    ['two documents', () => Buffer.from(HEADER + HEADER)],
    ['a line of bare control characters', () => Buffer.from('{"alg":"ES256","kid":"go\nod"}')],
  ])('is none with %s', async (_, bytes) => {
    expect((await siege.repels(unsigned(bytes()))).stage).toBe('form')
    const text = Buffer.from(bytes())
    const claims = Buffer.concat([text.subarray(0, -1), text.subarray(-1)])
    expect((await siege.repels(`${part(HEADER)}.${claims.toString('base64url')}.${NO_SIGNATURE}`)).stage).toBe(
      'signature',
    )
  })

  test('may hold half a surrogate by escape, and two of them are two callers', async () => {
    const owners = new Set<string>()
    for (const sub of ['\\ud800', '\\ud801', '\\ufffd', '\\\\ud800', 'ud800']) {
      expect((await siege.show(await signed(withMember(`"sub":"${sub}"`)))).status).toBe(200)
      owners.add(JSON.parse(siege.kit.lines.findLast(line => line.includes('"owner"')) ?? '{}').owner)
    }
    expect(owners.size).toBe(5)
  })
})

describe('a signed token of another kind', () => {
  test.each([
    'dpop+jwt',
    'logout+jwt',
    'secevent+jwt',
    'id+jwt',
    'JOSE',
    'JWE',
    '',
    'jwt ',
    'text/jwt',
    null,
    1,
    [['JWT']],
  ])('by its typ (%j) is refused', async typ => {
    const { stage, message } = await siege.repels(await siege.issuer.sign(siege.claims(), { typ }))
    expect([stage, message]).toEqual(['form', 'Malformed token: typ must be absent, JWT or at+jwt.'])
  })

  test.each<Record<string, unknown>>([
    { crit: ['b64'], b64: false },
    { crit: ['b64'], b64: true },
    { b64: false },
    { b64: true },
    { b64: null },
    { crit: [] },
    { crit: ['exp'], exp: 1 },
    { crit: 'exp' },
    { crit: null },
    { crit: {} },
    { crit: ['http://example.com/UNDEFINED'] },
  ])('by its extensions (%j) is refused', async extension => {
    const { stage, message } = await siege.repels(await siege.issuer.sign(siege.claims(), extension))
    expect([stage, message]).toEqual(['form', 'Malformed token: crit and b64 are not understood.'])
  })
})
