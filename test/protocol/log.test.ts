import { describe, expect, test } from 'bun:test'
import { assert, constantFrom, property, string, tuple } from 'fast-check'
import { faultOf, methodOf, oauthErrorOf, ownerTagOf, providerTagOf } from '../../src/protocol/log.ts'

const THIS_FILE = /^(\w+)@log\.test\.ts:\d+$/

function thrownBy(act: () => unknown): Error {
  try {
    act()
  } catch (error) {
    if (error instanceof Error) return error
  }
  throw new TypeError('nothing was thrown')
}

describe('a fault', () => {
  test('names the class of an error and the place that made it', () => {
    expect(faultOf(new RangeError('hush'))).toMatch(THIS_FILE)
    expect(faultOf(new RangeError('hush'))).toStartWith('RangeError@')
  })

  test('says no word of the input that a JSON parser quotes', () => {
    const error = thrownBy(() => JSON.parse('{"password": hunter2}'))
    expect(error.message).toContain('hunter2')
    expect(faultOf(error)).toMatch(THIS_FILE)
  })

  test('says no word of the URL that the URL parser refuses', () => {
    expect(faultOf(thrownBy(() => new URL('http://hunter2 word/')))).not.toContain('hunter2')
  })

  test('holds nothing of any message, even one that looks like a stack', async () => {
    const line = constantFrom(
      '\n    at ',
      '\n at f (',
      ' hunter2:1:2',
      '/hunter2.ts:3:4)',
      'hunter2',
      '\r\n',
      ': ',
      '\t',
    )
    const message = string({ unit: line, maxLength: 9 })
    await assert(
      property(tuple(message, message), ([inner, outer]) => {
        const error = new Error(outer, { cause: new TypeError(inner) })
        expect(faultOf(error)).not.toContain('hunter2')
        return true
      }),
    )
  })

  test('holds nothing of a message that was changed after the error was made', () => {
    const error = new Error('\n    at f (hunter2:1:2)')
    error.message = 'another'
    expect(faultOf(error)).not.toContain('hunter2')
  })

  test('names the causes too', () => {
    const error = new TypeError('outer', { cause: new RangeError('inner') })
    expect(faultOf(error)).toMatch(/^TypeError@log\.test\.ts:\d+ < RangeError@log\.test\.ts:\d+$/)
  })

  test('comes to an end when an error is its own cause', () => {
    const error = new Error('hush')
    error.cause = error
    expect(faultOf(error).length).toBeLessThan(1000)
  })

  test('tells the code of an error, if that is a word', () => {
    expect(faultOf(Object.assign(new Error('hush'), { code: 'ECONNREFUSED' }))).toStartWith('Error/ECONNREFUSED@')
    expect(faultOf(Object.assign(new Error('hush'), { code: 'two words' }))).toStartWith('Error@')
    expect(faultOf(Object.assign(new Error('hush'), { code: 7 }))).toStartWith('Error@')
  })

  test('does not believe a name that is no word', () => {
    expect(faultOf(Object.assign(new Error('hush'), { name: 'a name\nwith hunter2' }))).toMatch(/^Error@/)
    expect(faultOf(Object.assign(new Error('hush'), { name: 'a'.repeat(41) }))).toMatch(/^Error@/)
  })

  test.each([
    ['hunter2', 'string'],
    [{ message: 'hunter2' }, 'object'],
    [undefined, 'undefined'],
    [null, 'object'],
    [42, 'number'],
  ])('of something thrown that is no error, %j, is its type: %s', (thrown, said) => {
    expect(String(faultOf(thrown))).toBe(said)
  })

  test('is one line', () => {
    const error = new Error('a\nb', { cause: new Error('c\nd') })
    error.stack = 'Error: a\nb\n    at f (x\u2028y.ts:1:2)\n'
    expect(faultOf(error)).not.toMatch(/[\r\n\u2028]/)
  })
})

describe('a line of the log', () => {
  test('has the first eight hex digits of an owner', () => {
    expect(String(ownerTagOf('j_0123456789abcdef0123456789abcdef'))).toBe('01234567')
  })

  test('has a method that HTTP knows, or OTHER', () => {
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const)
      expect(methodOf(method)).toBe(method)
    for (const method of ['get', 'PROPFIND', 'HUNTER2', '', 'GET ', '__proto__', 'toString'])
      expect(methodOf(method)).toBe('OTHER')
  })

  test("has a provider's id if that is a plain word, or other", () => {
    expect(String(providerTagOf({ id: 'oidc-2' }))).toBe('oidc-2')
    for (const id of ['', 'a b', 'A', 'a\n', 'a'.repeat(41)]) expect(String(providerTagOf({ id }))).toBe('other')
  })

  test("has a provider's error if that is a word of the standard", () => {
    const saying = (error: unknown) => Object.assign(new Error('hush'), { error })
    expect(oauthErrorOf(saying('invalid_client'))).toBe('invalid_client')
    for (const error of [saying('hunter2'), saying(['invalid_client']), new Error('invalid_client'), 'invalid_client'])
      expect(oauthErrorOf(error)).toBeUndefined()
  })
})
