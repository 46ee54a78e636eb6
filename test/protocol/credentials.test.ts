import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  digestOf,
  isApiKey,
  isSessionToken,
  newApiKey,
  newSessionToken,
  prefixOf,
} from '../../src/protocol/credentials.ts'

const readme = readFileSync(join(import.meta.dir, '../../README.md'), 'utf8')

describe('a session token', () => {
  test('is sess_ and 32 hex digits, another one each time', () => {
    const tokens = Array.from({ length: 100 }, newSessionToken)
    expect(new Set(tokens).size).toBe(100)
    for (const token of tokens) expect([isSessionToken(token), token.length]).toEqual([true, 37])
  })

  const good = `sess_${'0f'.repeat(16)}`
  test.each([good.toUpperCase(), good.slice(0, -1), `${good}0`, `${good}\n`, good.replace('f', 'F'), 'sess_', ''])(
    'is not %j',
    text => expect(isSessionToken(text)).toBe(false),
  )
})

describe('an API key', () => {
  test('has the form that the README gives to scanners', () => {
    const [, pattern = ''] = /`(sk-sg-\[[^`]+)`/.exec(readme) ?? []
    expect(newApiKey()).toMatch(new RegExp(`^${pattern}$`))
  })

  test('has the checksum that others compute: CRC-32 of what stands before it', () => {
    const key = newApiKey()
    expect(key.slice(-8)).toBe(Bun.hash.crc32(key.slice(0, -8)).toString(16).padStart(8, '0'))
  })

  test('with any one digit changed is none', () => {
    const key = newApiKey()
    expect(isApiKey(key)).toBe(true)
    for (let at = 0; at < key.length; at++) {
      const other = key[at] === '0' ? '1' : '0'
      expect(isApiKey(key.slice(0, at) + other + key.slice(at + 1))).toBe(false)
    }
  })

  test('is shown by its first six digits', () => {
    const key = newApiKey()
    expect(prefixOf(key)).toBe(key.slice(0, 12))
  })
})

test('what is kept is a SHA-256 in hex', () => {
  expect(digestOf('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
})
