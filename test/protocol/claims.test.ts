import { describe, expect, test } from 'bun:test'
import { type Expected, readClaims } from '../../src/protocol/token.ts'
import { outcome, problemOf } from '../kit/problem.ts'

const NOW = 1_767_225_600
const ANY: Expected = { issuer: undefined, audiences: [] }
const bytes = (claims: unknown) => Buffer.from(typeof claims === 'string' ? claims : JSON.stringify(claims))
const read = (claims: object | string, expected = ANY, now = NOW) =>
  readClaims(bytes(typeof claims === 'string' ? claims : { sub: 'hunter2', exp: NOW + 60, ...claims }), expected, now)
const codeOf = (claims: object | string, expected = ANY, now = NOW) => outcome(() => read(claims, expected, now))

describe('the claims of a token', () => {
  test('say whose it is and what for', () => {
    const said = { iss: 'https://issuer.example', scope: 'inference account', client_id: 'app', azp: 'other' }
    expect(read(said)).toEqual({
      issuer: 'https://issuer.example',
      subject: 'hunter2',
      expires: NOW + 60,
      scopes: new Set(['inference', 'account']),
      client: 'app',
    })
  })

  test.each(['[]', 'null', '"x"', '1', '', '{', '{"sub":"hunter2","exp":9999999999}x', '\ufeff{}'])(
    'are malformed as %j',
    async text => {
      const problem = await problemOf(() => readClaims(bytes(text), ANY, NOW))
      expect(problem.code).toBe('token_malformed')
      expect(problem.message).not.toContain('hunter2')
    },
  )

  test('are malformed when they are not UTF-8', async () => {
    const claims = Buffer.from(`{"sub":"\u00e9","exp":${NOW + 60}}`, 'latin1')
    expect(await outcome(() => readClaims(claims, ANY, NOW))).toBe('token_malformed')
  })
})

describe('the times of a token', () => {
  test.each([
    [NOW + 1, 'fine'],
    [NOW, 'fine'],
    [NOW - 29, 'fine'],
    [NOW - 29.9, 'fine'],
    [NOW - 30, 'token_expired'],
    [NOW - 31, 'token_expired'],
    [0, 'token_expired'],
    [-1, 'token_expired'],
  ])('exp %d makes it %s', async (exp, code) => {
    expect(await codeOf({ exp })).toBe(code)
  })

  test('are held against a clock that stands between two seconds', async () => {
    expect(await codeOf({ exp: NOW }, ANY, NOW + 29.999)).toBe('fine')
    expect(await codeOf({ exp: NOW }, ANY, NOW + 30.001)).toBe('token_expired')
    expect(await codeOf({ nbf: NOW }, ANY, NOW - 30)).toBe('fine')
    expect(await codeOf({ nbf: NOW }, ANY, NOW - 30.001)).toBe('token_not_yet_valid')
  })

  test.each(['1e999', '-1e999', '"9999999999"', 'null', 'true', '[9999999999]', '{}'])(
    'exp %s is malformed',
    async exp => {
      expect(await codeOf(`{"sub":"hunter2","exp":${exp}}`)).toBe('token_malformed')
    },
  )

  test('must have an exp', async () => {
    expect(await codeOf('{"sub":"hunter2"}')).toBe('token_malformed')
  })

  describe.each(['nbf', 'iat'])('%s', name => {
    test.each([
      [NOW - 1e9, 'fine'],
      [NOW, 'fine'],
      [NOW + 30, 'fine'],
      [NOW + 30.5, 'token_not_yet_valid'],
      [NOW + 31, 'token_not_yet_valid'],
      [NOW + 1e9, 'token_not_yet_valid'],
    ])('%d makes it %s', async (at, code) => {
      expect(await codeOf({ exp: NOW + 1e10, [name]: at })).toBe(code)
    })

    test.each(['1e999', '-1e999', '"1"', 'null', 'false', '[1]'])('%s is malformed', async value => {
      expect(await codeOf(`{"sub":"hunter2","exp":${NOW + 60},"${name}":${value}}`)).toBe('token_malformed')
    })
  })
})

describe('the subject of a token', () => {
  test.each(['a', ' ', 'x'.repeat(255), 'é'.repeat(127), '\ud83d\ude00'.repeat(63), '\0'])('may be %j', sub => {
    expect(read({ sub }).subject).toBe(sub)
  })

  test.each([
    '',
    'x'.repeat(256),
    'é'.repeat(128),
    '\ud83d\ude00'.repeat(64),
    null,
    7,
    true,
    [['ada']],
    { toString: 1 },
  ])('may not be %j', async sub => {
    expect(await codeOf({ sub })).toBe('token_malformed')
  })

  test('may not be absent', async () => {
    expect(await codeOf(`{"exp":${NOW + 60}}`)).toBe('token_malformed')
  })
})

describe('the issuer of a token', () => {
  const expected = { issuer: 'https://issuer.example', audiences: [] }

  test('is the one expected, to the letter', async () => {
    expect(await codeOf({ iss: 'https://issuer.example' }, expected)).toBe('fine')
    for (const iss of [
      'https://issuer.example/',
      'HTTPS://issuer.example',
      'https://issuer.example.evil',
      '',
      undefined,
    ])
      expect(await codeOf({ iss }, expected)).toBe('token_wrong_issuer')
  })

  test.each([[['https://issuer.example']], 7, null, {}])('is not %j, expected or not', async iss => {
    expect(await codeOf({ iss }, expected)).toMatch(/^token_(malformed|wrong_issuer)$/)
    expect(await codeOf({ iss })).toBe('token_malformed')
  })

  test('may be anyone, or nobody, when none is expected', () => {
    expect(read({ iss: 'whoever' }).issuer).toBe('whoever')
    expect(read({}).issuer).toBeNull()
  })
})

describe('the audience of a token', () => {
  const expected = { issuer: undefined, audiences: ['mine', 'ours'] }

  test.each(['mine', 'ours', ['mine'], ['other', 'ours']].map(aud => ({ aud })))('as %j meets ours', async claims => {
    expect(await codeOf(claims, expected)).toBe('fine')
  })

  test.each([{ aud: 'other' }, { aud: '' }, { aud: [] }, { aud: ['min', 'minee'] }, { aud: 'mine ours' }, {}])(
    'as %j does not',
    async claims => {
      expect(await codeOf(claims, expected)).toBe('token_wrong_audience')
    },
  )

  test.each([{ aud: 7 }, { aud: null }, { aud: ['mine', 7] }, { aud: { 0: 'mine' } }, { aud: [['mine']] }])(
    'as %j is malformed',
    async claims => {
      expect(await codeOf(claims, expected)).toBe('token_malformed')
    },
  )

  test('may be anything when none is expected', async () => {
    expect(await codeOf({ aud: 'other' })).toBe('fine')
    expect(await codeOf({})).toBe('fine')
  })
})

describe('the scope and the client of a token', () => {
  test.each([
    ['inference', ['inference']],
    ['a b  c ', ['a', 'b', 'c']],
    ['', []],
    [undefined, []],
    [
      ['inference', 'x'],
      ['inference', 'x'],
    ],
    [['inference x'], ['inference x']],
    [[], []],
    ['inference\tx', ['inference\tx']],
    ['inference,x', ['inference,x']],
  ])('scope %j grants %j', (scope, granted) => {
    expect([...read({ scope }).scopes]).toEqual(granted)
  })

  test.each([7, null, true, { inference: true }, [['inference', 7]], [[['inference']]]])(
    'scope %j is malformed',
    async scope => {
      expect(await codeOf({ scope })).toBe('token_malformed')
    },
  )

  test.each([
    [{ client_id: 'a' }, 'a'],
    [{ client_id: 'a', azp: 'b' }, 'a'],
    [{ azp: 'b' }, 'b'],
    [{ client_id: 7, azp: 'b' }, 'b'],
    [{ client_id: ['a'] }, undefined],
    [{}, undefined],
  ])('%j names the client %j', (claims, client) => {
    expect(read(claims).client).toBe(client)
  })
})

test('each refusal has a code and words of its own, and none quotes the claims', async () => {
  const strict = { issuer: 'https://issuer.example', audiences: ['mine'] }
  const whole = { iss: 'https://issuer.example', aud: 'mine' }
  const refused = [
    { ...whole, exp: 1 },
    { ...whole, nbf: NOW + 99 },
    { ...whole, iss: 'hunter2' },
    { ...whole, aud: 'hunter2' },
    { ...whole, sub: `hunter2${'x'.repeat(255)}` },
  ]
  const problems = await Promise.all(refused.map(claims => problemOf(() => read(claims, strict))))
  expect(problems.map(({ code }) => code)).toEqual([
    'token_expired',
    'token_not_yet_valid',
    'token_wrong_issuer',
    'token_wrong_audience',
    'token_malformed',
  ])
  expect(new Set(problems.map(({ message }) => message)).size).toBe(5)
  for (const problem of problems) {
    expect(JSON.stringify([problem, problem.headers])).not.toContain('hunter2')
    expect(problem.headers).toEqual({ 'www-authenticate': 'Bearer error="invalid_token"' })
  }
})
