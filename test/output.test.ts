import { expect, test } from 'bun:test'
import { Writable } from 'node:stream'
import { gathered } from '../src/output.ts'

/** What takes a piece at a time, each when a test says so, if it is to be slow. */
function taking(isSlow = false) {
  const pieces: string[] = []
  let next: () => void = () => undefined
  const stream = new Writable({
    decodeStrings: false,
    highWaterMark: 1,
    write: (piece, _, taken) => {
      pieces.push(String(piece))
      if (isSlow) next = taken
      else taken()
    },
    // What waits in a stream goes out as one, as standard output's does.
    writev: (all, taken) => {
      pieces.push(all.map(({ chunk }) => chunk).join(''))
      taken()
    },
  })
  return { ...gathered(stream), pieces, next: () => next() }
}

const turn = () => new Promise(resolve => setImmediate(() => setImmediate(resolve)))
const lines = (count: number) => Array.from({ length: count }, (_, at) => `${at}${'ä'.repeat(500)}\n`)

test('what is written within a turn goes out as one', async () => {
  const { write, pieces } = taking()
  for (const text of ['a\n', 'b\n']) write(text)
  expect(pieces).toEqual([])
  await turn()
  expect(pieces).toEqual(['a\nb\n'])
})

test('more than a pipe takes whole goes out in pieces of whole lines, each when the one before is taken', async () => {
  const { write, flush, pieces, next } = taking(true)
  for (const line of lines(9)) write(line)
  const flushed = flush()
  expect(pieces).toEqual([lines(9).slice(0, 4).join('')])
  write('later\n')
  while (pieces.at(-1) !== 'later\n') {
    next()
    await turn()
  }
  next()
  await flushed
  expect(pieces.join('')).toBe(`${lines(9).join('')}later\n`)
  expect(pieces.filter(piece => Buffer.byteLength(piece) > 4096 || !piece.endsWith('\n'))).toEqual([])
})

test('what is written after all went out goes out too', async () => {
  const { write, flush, pieces } = taking()
  await flush()
  write('a\n')
  await turn()
  write('b\n')
  await flush()
  expect(pieces).toEqual(['a\n', 'b\n'])
})
