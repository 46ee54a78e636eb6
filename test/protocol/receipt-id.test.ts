import { expect, test } from 'bun:test'
import { firstIdAt, issuedAt, receiptIdFor } from '../../src/protocol/receipt-id.ts'

const KEY = new Uint8Array(32).fill(7)
const AT = 1_767_225_600_123
const id = receiptIdFor(KEY, 'j_ada', AT)

test('an id tells its owner when it was given, and no two are alike', () => {
  expect(issuedAt(KEY, 'j_ada', id)).toBe(AT)
  expect(new Set(Array.from({ length: 1000 }, () => receiptIdFor(KEY, 'j_ada', AT))).size).toBe(1000)
})

test('it tells nobody else anything, nor under another key', () => {
  expect(issuedAt(KEY, 'j_eve', id)).toBeUndefined()
  expect(issuedAt(new Uint8Array(32), 'j_ada', id)).toBeUndefined()
})

test('no digit of it can be another', () => {
  for (let at = 'rcpt_'.length; at < id.length; at++) {
    const other = (Number.parseInt(id[at] ?? '', 16) ^ 1).toString(16)
    expect(issuedAt(KEY, 'j_ada', id.slice(0, at) + other + id.slice(at + 1))).toBeUndefined()
  }
})

test.each(['', 'rcpt_', id.toUpperCase(), `${id}0`, id.slice(0, -1), ` ${id}`, id.slice(5)])('%j is none', text => {
  expect(issuedAt(KEY, 'j_ada', text)).toBeUndefined()
})

test('ids stand in the order of their times', () => {
  expect(firstIdAt(AT) <= id).toBe(true)
  expect(id < firstIdAt(AT + 1)).toBe(true)
})
