import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Siege, sieges } from '../kit/siege.ts'

const { lay, lift } = sieges()
let siege: Siege
let token: string
beforeAll(async () => {
  siege = await lay()
  token = await siege.issuer.sign(siege.claims())
})
afterAll(lift)

describe('a good token in the wrong place', () => {
  test.each<[string, (token: string) => string[]]>([
    ['two lines', token => [`Authorization: Bearer ${token}`, `Authorization: Bearer ${token}`]],
    ['two lines of other case', token => [`Authorization: Bearer ${token}`, `AUTHORIZATION: bearer ${token}`]],
    ['two lines apart', token => [`Authorization: Bearer ${token}`, 'X-A: b', `authorization: Bearer ${token}`]],
    ['a second line of another scheme', token => [`Authorization: Bearer ${token}`, 'Authorization: Basic YTpi']],
    ['a first line of another scheme', token => ['Authorization: Basic YTpi', `Authorization: Bearer ${token}`]],
    ['a second line with a forged token', token => [`Authorization: Bearer ${token}`, 'Authorization: Bearer a.b.c']],
    ['a first line with a forged token', token => ['Authorization: Bearer a.b.c', `Authorization: Bearer ${token}`]],
    ['an empty second line', token => [`Authorization: Bearer ${token}`, 'Authorization:']],
    ['an empty first line', token => ['Authorization:', `Authorization: Bearer ${token}`]],
    ['three lines', token => Array(3).fill(`Authorization: Bearer ${token}`)],
    ['a line that is folded', token => ['Authorization: Bearer', ` ${token}`]],
    ['a name with a blank before its colon', token => [`Authorization : Bearer ${token}`]],
    ['a name with an underscore', token => [`_Authorization: Bearer ${token}`, `Authorization_: Bearer ${token}`]],
    ['the scheme twice', token => [`Authorization: Bearer Bearer ${token}`]],
    ['the scheme twice, joined', token => [`Authorization: BearerBearer ${token}`]],
    ['a tab for a blank', token => [`Authorization: Bearer\t${token}`]],
    ['a tab after the blank', token => [`Authorization: Bearer \t${token}`]],
    ['a form feed for a blank', token => [`Authorization: Bearer\f${token}`]],
    ['a hard blank', token => [`Authorization: Bearer\xa0${token}`]],
    ['no blank', token => [`Authorization: Bearer${token}`]],
    ['a colon', token => [`Authorization: Bearer: ${token}`]],
    ['an equals sign', token => [`Authorization: Bearer token=${token}`]],
    ['quotes', token => [`Authorization: Bearer "${token}"`]],
    ['angle brackets', token => [`Authorization: Bearer <${token}>`]],
    ['a comma', token => [`Authorization: Bearer ${token},`]],
    ['a comma before it', token => [`Authorization: ,Bearer ${token}`]],
    ['a semicolon', token => [`Authorization: Bearer ${token};`]],
    ['a parameter', token => [`Authorization: Bearer ${token} realm=x`]],
    ['its halves parted', token => [`Authorization: Bearer ${token.slice(0, 50)} ${token.slice(50)}`]],
    ['the scheme Basic', token => [`Authorization: Basic ${token}`]],
    ['the scheme Basic, encoded', token => [`Authorization: Basic ${btoa(`bearer:${token}`)}`]],
    ['the scheme DPoP', token => [`Authorization: DPoP ${token}`]],
    ['the scheme Token', token => [`Authorization: Token ${token}`]],
    ['no scheme', token => [`Authorization: ${token}`]],
    ['the proxy’s header', token => [`Proxy-Authorization: Bearer ${token}`]],
    [
      'the headers of others',
      token =>
        [
          'X-API-Key',
          'Api-Key',
          'X-Auth-Token',
          'X-Authorization',
          'X-Forwarded-Authorization',
          'X-Access-Token',
          'Sec-WebSocket-Protocol',
        ].map(name => `${name}: Bearer ${token}`),
    ],
    ['a cookie', token => [`Cookie: token=${token}; access_token=${token}; Authorization=Bearer ${token}`]],
  ])('(%s) lets nobody in', async (_, lines) => {
    expect(await siege.repelsLines(...lines(token))).toBeOneOf([400, 401])
  })

  test.each(['access_token', 'token', 'authorization', 'Authorization', 'bearer', 'id_token', 'api_key', 'jwt'])(
    '(the query’s ?%s=) lets nobody in',
    async name => {
      for (const value of [token, `Bearer%20${token}`]) {
        const before = siege.upstream.requests.length
        const answer = await fetch(`${siege.kit.url}/v1/models?${name}=${value}`)
        expect(answer.status).toBe(401)
        expect(answer.headers.get('www-authenticate')).toBe('Bearer')
        expect(await answer.text()).not.toContain(token)
        expect(siege.upstream.requests).toHaveLength(before)
      }
    },
  )

  test('(a form’s field or the body) lets nobody in', async () => {
    const body = `access_token=${token}`
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const before = siege.upstream.requests.length
    for (const each of [{ body, headers }, { body: token }, { body: JSON.stringify({ access_token: token }) }])
      expect((await fetch(`${siege.kit.url}/v1/chat/completions`, { method: 'POST', ...each })).status).toBe(401)
    expect(siege.upstream.requests).toHaveLength(before)
  })

  test('beside a bad one in its right place does not make up for it', async () => {
    const headers = { authorization: 'Bearer a.b.c', cookie: `token=${token}`, 'x-api-key': token }
    expect((await siege.repelsHeaders(headers)).stage).toBe('form')
  })
})

describe('a good token in its place', () => {
  test.each(['bearer', 'BEARER', 'bEARER'])('may be %s', async scheme => {
    expect((await siege.ask({ authorization: `${scheme} ${token}` })).status).toBe(200)
  })

  test('is let in with blanks that HTTP takes away', async () => {
    expect((await siege.ask({ authorization: `  Bearer   ${token} \t` })).status).toBe(200)
  })
})
