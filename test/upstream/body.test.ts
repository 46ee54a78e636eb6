import { describe, expect, test } from 'bun:test'
import { openBody } from '../../src/upstream/body.ts'
import { problemOf } from '../kit/problem.ts'

/** A body of these pieces, of no told length, and how often it was read. */
function pieces(...sizes: number[]) {
  const read = { pieces: 0 }
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
    const size = sizes[read.pieces++]
    if (size === undefined) controller.close()
    else controller.enqueue(new Uint8Array(size))
  }
  return { read, body: new ReadableStream<Uint8Array>({ pull }, { highWaterMark: 0 }) }
}

async function opened(init: RequestInit, maxBytes = 100) {
  const counted: (number | 'end')[] = []
  const request = new Request('http://gateway.test/', { method: 'POST', ...init })
  const took = (piece: Uint8Array | undefined) => counted.push(piece?.length ?? 'end')
  const opening = { stallMs: 5000, maxBytes, took, isEnough: () => true }
  return { counted, body: await openBody(request, opening) }
}

describe('what is read of a body is counted', () => {
  test('when it is taken whole', async () => {
    const { counted, body } = await opened({ body: 'hello', headers: { 'content-length': '5' } })
    expect([counted, body?.head.length, body?.rest]).toEqual([[5, 'end'], 5, undefined])
  })

  test('piece by piece as it is read, and no sooner', async () => {
    const { read, body: stream } = pieces(10, 20)
    const { counted, body } = await opened({ body: stream })
    expect([counted, read.pieces]).toEqual([[10], 1])
    await body?.rest?.read()
    expect(counted).toEqual([10, 20])
    await body?.rest?.read()
    expect(counted).toEqual([10, 20, 'end'])
  })
})

describe('a body that is too long is refused', () => {
  test('by its length before any of it is read', async () => {
    const { read, body } = pieces(10)
    const problem = await problemOf(() => opened({ body, headers: { 'content-length': '101' } }))
    expect([problem.code, problem.headers, read.pieces]).toEqual(['body_too_large', { connection: 'close' }, 0])
  })

  test('by its first piece', async () => {
    expect((await problemOf(() => opened({ body: pieces(101).body }))).code).toBe('body_too_large')
  })

  test('by the piece that passes the bound, not by the one that reaches it', async () => {
    const { body } = await opened({ body: pieces(50, 50, 1).body })
    expect((await body?.rest?.read())?.value).toHaveLength(50)
    expect((await problemOf(async () => body?.rest?.read())).code).toBe('body_too_large')
  })
})
