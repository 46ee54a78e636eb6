import { describe, expect, test } from 'bun:test'
import { format, inspect } from 'node:util'
import { Secret } from '../../src/protocol/secret.ts'

const VALUE = 'tk-0123456789-very-secret'
const secret = new Secret(VALUE)

describe('a secret', () => {
  test('is given up by reveal()', () => {
    expect(secret.reveal()).toBe(VALUE)
  })

  test.each([
    ['interpolated', `${secret}`],
    ['made a string', String(secret)],
    ['added to a string', `${[secret]}`],
    ['inspected', inspect(secret)],
    ['inspected by Bun', Bun.inspect(secret)],
    ['formatted with %s', format('%s', secret)],
    ['formatted with %o', format('%o', secret)],
    ['serialised', JSON.parse(JSON.stringify(secret))],
  ])('%s says [secret]', (_, said) => {
    expect(said).toBe('[secret]')
  })

  test('inside other things says [secret] too', () => {
    const config = { upstream: { key: secret }, list: [secret] }
    expect(JSON.stringify(config)).toBe('{"upstream":{"key":"[secret]"},"list":["[secret]"]}')
    for (const said of [inspect(config, { depth: 9, showHidden: true }), Bun.inspect(config), format('%j', config)]) {
      expect(said).toContain('[secret]')
      expect(said).not.toContain(VALUE)
    }
  })

  test('has nothing to spread, copy or enumerate', () => {
    expect({ ...secret }).toEqual({} as Secret)
    expect(Object.assign({}, secret)).toEqual({} as Secret)
    expect(Object.getOwnPropertyNames(secret)).toEqual([])
    expect(Reflect.ownKeys(secret)).toEqual([])
    const copy = Object.create(Object.getPrototypeOf(secret), Object.getOwnPropertyDescriptors(secret))
    expect(() => copy.reveal()).toThrow(TypeError)
    expect(inspect(structuredClone({ secret }))).not.toContain(VALUE)
  })

  test('does not stand in an error that its owner is thrown with', () => {
    const error = Object.assign(new Error(`no such key: ${secret}`, { cause: { secret } }), { secret })
    expect(inspect(error, { depth: 9 })).not.toContain(VALUE)
    expect(Bun.inspect(error)).not.toContain(VALUE)
  })
})
