import { describe, expect, test } from 'bun:test'
import { bearerToken } from '../../src/protocol/token.ts'
import { problemOf } from '../kit/problem.ts'

describe('an Authorization header', () => {
  test.each(['Bearer', 'bearer', 'BEARER', 'bEaReR'])('may write its scheme %s', scheme => {
    expect(bearerToken(`${scheme} a.b.c`)).toBe('a.b.c')
  })

  test('may have more than one blank after the scheme', () => {
    expect(bearerToken('Bearer   a.b.c')).toBe('a.b.c')
  })

  test.each([null, ''])('that is not there (%j) gets the bare challenge', async header => {
    const problem = await problemOf(() => bearerToken(header))
    expect(problem.code).toBe('token_missing')
    expect(problem.status).toBe(401)
    expect(problem.headers).toEqual({ 'www-authenticate': 'Bearer' })
  })

  test.each([
    ['two headers, joined', 'Bearer hunter2.b.c, Bearer hunter2.b.c'],
    ['two headers, joined without a blank', 'Bearer hunter2.b.c,Bearer hunter2.b.c'],
    ['a second, empty header', 'Bearer hunter2.b.c,'],
    ['a first, empty header', ', Bearer hunter2.b.c'],
    ['a first header of another scheme', 'Basic aHVudGVyMg==, Bearer hunter2.b.c'],
    ['no token', 'Bearer'],
    ['no token but a blank', 'Bearer '],
    ['a tab for a blank', 'Bearer\thunter2.b.c'],
    ['a colon', 'Bearer: hunter2.b.c'],
    ['a word after the token', 'Bearer hunter2.b.c x'],
    ['a blank after the token', 'Bearer hunter2.b.c '],
    ['a blank before the scheme', ' Bearer hunter2.b.c'],
  ])('with %s is malformed, and is not quoted', async (_, header) => {
    const problem = await problemOf(() => bearerToken(header))
    expect(problem.code).toBe('token_malformed')
    expect(problem.headers['www-authenticate']).toStartWith('Bearer')
    expect(JSON.stringify([problem, problem.headers])).not.toContain('hunter2')
  })

  test.each(['Basic aHVudGVyMg==', 'Negotiate', 'hunter2.b.c', 'Bearerhunter2.b.c', 'DPoP hunter2.b.c'])(
    'without our scheme carries no token: %s',
    async header => {
      const problem = await problemOf(() => bearerToken(header))
      expect(problem.code).toBe('token_missing')
      expect(problem.headers).toEqual({ 'www-authenticate': 'Bearer' })
      expect(problem.message).not.toContain('hunter2')
    },
  )
})
