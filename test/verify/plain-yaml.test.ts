import { describe, expect, test } from 'bun:test'
import { plainYaml } from '../../src/verify/plain-yaml.ts'

test.each<[string, unknown]>([
  ['# nothing\n\n', null],
  ['a: b # and more\n"c d": \'e\'\n', { a: 'b', 'c d': 'e' }],
  ['a:\n- b: 1\n  c: b# c\n- - d\n', { a: [{ b: 1, c: 'b# c' }, ['d']] }],
  ['a: {}\nb: []\nc: ~\nd: "x: {y}"', { a: {}, b: [], c: null, d: 'x: {y}' }],
  ['a: [b, "c, d", e:f]\nb: $X', { a: ['b', 'c, d', 'e:f'], b: '$X' }],
])('%j is read', (text, told) => {
  expect(plainYaml(text)).toEqual(told)
})

describe('readers may differ about', () => {
  test.each([
    ['an anchor', 'a: &b c'],
    ['an alias', 'a: *b'],
    ['an anchor of an object', 'a: &b\n  c: d'],
    ['a merged key', '<<: {}'],
    ['a merged key in quotes', '"<<": {}'],
    ['a tag', 'a: !override b'],
    ['a complex key', '? a\n: b'],
    ['an object on a line', 'a: {b: c}'],
    ['a list within a list', 'a: [[b]]'],
    ['an object within a list', 'a: [b: c]'],
    ['a text over two lines', 'a: b\n  c'],
    ['a quoted text over two lines', 'a: "b\n  c"'],
    ['a block of text', 'a: |\n  b'],
    ['an escape', '"\\x61": b'],
    ['two documents', 'a: b\n---\nc: d'],
    ['a directive', '%YAML 1.1\n'],
    ['a tab', 'a:\tb'],
    ['a carriage return', 'a: b\rc: d'],
    ['a line that ends for some readers', '# a\u2028b: c'],
    ['a next line', '# a\u0085b: c'],
    ['a byte order mark', '\ufeffa: b'],
  ])('%s', (_, text) => {
    expect(() => plainYaml(text)).toThrow(/^line \d+ of the compose file is written in a way/)
  })

  test.each(['a: b\na: c', 'a:\n  b: 1\n  b: 2', 'a: b\n"a": c', '1: a\n"1": b'])('a key twice: %j', text => {
    expect(() => plainYaml(text)).toThrow('the compose file has a key twice')
  })
})
