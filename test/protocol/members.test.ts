import { describe, expect, test } from 'bun:test'
import {
  email,
  flag,
  httpsUrl,
  line,
  nullable,
  oneOf,
  optional,
  prose,
  readMembers,
  uuid,
  whole,
} from '../../src/protocol/members.ts'
import { problemOf } from '../kit/problem.ts'

const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
const TWO = { name: line(5), days: optional(whole(1, 9)) }

describe('a body', () => {
  test('is read member by member', async () => {
    expect(await readMembers(bytes({ name: 'x', days: 3 }), TWO)).toEqual({ name: 'x', days: 3 })
    expect((await readMembers(bytes({ name: 'x' }), TWO)).days).toBeUndefined()
  })

  test('may be nothing where nothing is needed', async () => {
    expect(await readMembers(new Uint8Array(), { days: TWO.days })).toEqual({ days: undefined })
  })

  test.each<[string, string]>([
    ['{"name":"x","hunter2":1}', 'it takes "name" and "days", and nothing else.'],
    ['{"name":"x","__proto__":{}}', 'it takes "name" and "days", and nothing else.'],
    ['{"name":"x","toString":1}', 'it takes "name" and "days", and nothing else.'],
    ['{"days":1}', '"name" must be a text of 1 to 5 characters'],
    ['', '"name" must be a text'],
    ['{"name":null}', '"name" must be a text'],
    ['{"name":"hunter2"}', '"name" must be a text'],
    ['{"name":"x","days":null}', '"days" must be a whole number from 1 to 9.'],
    ['{"name":"x","days":1.5}', '"days" must be a whole number'],
    ['{"name":"x","days":"1"}', '"days" must be a whole number'],
  ])('like %s is refused, and not quoted: %s', async (body, why) => {
    const problem = await problemOf(() => readMembers(bytes(body), TWO))
    expect(problem.code).toBe('invalid_body')
    expect(problem.message).toContain(why)
    expect(problem.message).not.toContain('hunter2')
  })

  test.each(['[]', '1', '"x"', 'null', '{', '{"name":"x","name":"y"}', '{"name":"x"} x', '\ufeff{}', ' '])(
    'like %j is no JSON object',
    async body => expect((await problemOf(() => readMembers(bytes(body), TWO))).code).toBe('malformed_json'),
  )
})

describe('a member', () => {
  test.each<[string, { fits(value: unknown): boolean }, unknown[], unknown[]]>([
    ['flag', flag, [true, false], [0, 'true', null]],
    ['line', line(3), ['a', 'äöü', '日本語'], ['', 'abcd', 'a\nb', 'a\0', '\ud800', 1]],
    ['prose', prose(3), ['', 'abc', '\n'], ['abcd', 'äü', '\udc00', null]],
    ['whole', whole(1, 9), [1, 9], [0, 10, 1.5, Number.NaN, '1', true]],
    ['oneOf', oneOf('Light', 'Dark'), ['Light'], ['light', '', null]],
    ['nullable', nullable(flag), [null, true], [undefined, 0]],
    ['uuid', uuid, [crypto.randomUUID(), crypto.randomUUID().toUpperCase()], ['', 'x', 1, `${crypto.randomUUID()}0`]],
    [
      'email',
      email,
      ['a@b', 'Ada.Lovelace+x@example.com', "o'neil@example.co.uk", 'ä@bücher.example'],
      ['', 'a', '@b', 'a@', 'a@b@c', 'a b@c', 'a@b\n', '<a@b>', 'a@b,c@d', `a@${'b'.repeat(253)}`, 1],
    ],
    [
      'httpsUrl',
      httpsUrl,
      ['https://a.example/x.png', 'HTTPS://a.example'],
      ['http://a.example', 'javascript:alert(1)', 'https://', ' https://a.example', `https://a/${'x'.repeat(2048)}`],
    ],
  ])('%s takes what fits, and nothing else', (_, { fits }, good, bad) => {
    expect(good.filter(value => !fits(value))).toEqual([])
    expect(bad.filter(fits)).toEqual([])
  })
})
