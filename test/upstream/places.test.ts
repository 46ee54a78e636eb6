import { describe, expect, test } from 'bun:test'
import { idIn, pathOf, pathOfMaking } from '../../src/upstream/places.ts'

describe('the id in what a backend answers', () => {
  test.each(['conv_0123', 'file-Ab.9:x', 'x', '...', 'x'.repeat(255)])('is %s', id => {
    expect(idIn(Buffer.from(JSON.stringify({ id })))).toBe(id)
  })

  test.each(['', '.', '..', '../models', 'a/b', 'a b', 'a%2Fb', 'é', 'a\n', 'x'.repeat(256), 7, null, { a: 1 }])(
    'is not %p',
    id => {
      expect(idIn(Buffer.from(JSON.stringify({ id })))).toBeUndefined()
    },
  )

  test('is found in events too', () => {
    expect(idIn(Buffer.from('event: response.created\ndata: {"response":{"id":"resp_1"}}\n\n'))).toBe('resp_1')
    expect(idIn(Buffer.from('data: {"response":{"id":"../models"}}\n\n'))).toBeUndefined()
  })

  test.each(['', 'null', '[]', '"conv_1"', '<html>', '{"id":"a"'])('is not in %p', answer => {
    expect(idIn(Buffer.from(answer))).toBeUndefined()
  })
})

test('a thing is one segment below its kind', () => {
  expect(pathOf({ kind: 'file', id: 'a:b' })).toBe('/v1/files/a%3Ab')
  expect(pathOfMaking({ kind: 'conversation', source: 'c_1' })).toBe('/v1/conversations/c_1/clone')
})
