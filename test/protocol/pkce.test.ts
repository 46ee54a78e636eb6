import { describe, expect, test } from 'bun:test'
import { challengeOf, isChallenge, isVerifier, newSecret } from '../../src/protocol/pkce.ts'

// RFC 7636, appendix B.
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'

test('a challenge is what the standard makes of its verifier', () => {
  expect(challengeOf(VERIFIER)).toBe(CHALLENGE)
})

test('a secret may be a verifier, and is never the same', () => {
  const secrets = Array.from({ length: 100 }, newSecret)
  expect(new Set(secrets).size).toBe(100)
  expect(secrets.filter(secret => secret.length !== 43 || !isVerifier(secret))).toEqual([])
})

describe('a challenge', () => {
  test.each([
    ['as the standard makes it', CHALLENGE, true],
    ['with bits that no byte has', `${CHALLENGE.slice(0, -1)}N`, false],
    ['of 42 characters', CHALLENGE.slice(1), false],
    ['of 44', `${CHALLENGE}A`, false],
    ['with padding', `${CHALLENGE}=`, false],
    ['in the other alphabet', CHALLENGE.replace('-', '+'), false],
    ['that is its verifier, by the method plain', `${VERIFIER}~`, false],
    ['of nothing', '', false],
  ])('%s', (_, text, expected) => expect(isChallenge(text)).toBe(expected))
})

describe('a verifier', () => {
  test.each([
    ['of 43 characters', 'a'.repeat(43), true],
    ['of 42', 'a'.repeat(42), false],
    ['of 128', '~'.repeat(128), true],
    ['of 129', 'a'.repeat(129), false],
    ['with a blank', `${'a'.repeat(43)} `, false],
    ['with a line break', `${'a'.repeat(43)}\n`, false],
    ['with an umlaut', `${'a'.repeat(43)}ä`, false],
  ])('%s', (_, text, expected) => expect(isVerifier(text)).toBe(expected))
})
