import { expect, test } from 'bun:test'
import { Problem } from '../../src/protocol/problem.ts'
import { Received } from '../../src/upstream/received.ts'

const HEAD = { status: 200, headers: {}, framing: 'chunked', keeps: true, end: 0 } as const

/** An answer that is poured into a taker, whose room is given and taken by hand. */
function pouring({ hasRoom = true } = {}) {
  const told: string[] = []
  const answer = new Received(HEAD, true, {
    flow: isWanted => told.push(isWanted ? 'flow' : 'hold'),
    abandon: () => told.push('hung up'),
  })
  let room = hasRoom ? undefined : Promise.withResolvers<void>()
  const to = {
    take: (piece: Buffer) => {
      told.push(piece.length > 9 ? `${piece.length} bytes` : piece.toString())
      return room?.promise
    },
    over: (fault?: Error) => told.push(fault ? `broke: ${fault.message}` : 'over'),
  }
  const push = (text: string) => answer.push(Buffer.from(text))
  const makeRoom = async () => {
    const made = room
    room = undefined
    made?.resolve()
    await made?.promise
    await Promise.resolve()
  }
  return { told, answer, to, push, makeRoom }
}

test('what came before anybody took it is poured first, what comes then at once, and the end last', () => {
  const { told, answer, to, push } = pouring()
  push('a')
  push('b')
  answer.pour(to)
  expect(told).toEqual(['a', 'b'])
  push('c')
  expect(told).toEqual(['a', 'b', 'c'])
  answer.end()
  expect(told).toEqual(['a', 'b', 'c', 'over'])
})

test('an answer that is whole before anybody takes it is poured with its end', () => {
  const { told, answer, to, push } = pouring()
  push('a')
  answer.end()
  answer.pour(to)
  expect(told).toEqual(['a', 'over'])
})

test('where there is no room the rest waits, the connection too, and then goes on in its order', async () => {
  const { told, answer, to, push, makeRoom } = pouring({ hasRoom: false })
  answer.pour(to)
  push('a')
  push('b')
  push('x'.repeat(65_536))
  answer.end()
  expect(told).toEqual(['a', 'hold'])
  await makeRoom()
  expect(told).toEqual(['a', 'hold', 'b', '65536 bytes', 'over'])
})

test('a connection that was held flows again once all of it was taken', async () => {
  const { told, answer, to, push, makeRoom } = pouring({ hasRoom: false })
  answer.pour(to)
  push('a')
  push('x'.repeat(65_537))
  await makeRoom()
  push('b')
  expect(told).toEqual(['a', 'hold', 'flow', '65537 bytes', 'b'])
})

test('one that breaks while there is no room is poured as far as it came, and then breaks', async () => {
  const { told, answer, to, push, makeRoom } = pouring({ hasRoom: false })
  answer.pour(to)
  push('a')
  push('b')
  answer.break(new Error('reset'))
  expect(told).toEqual(['a'])
  await makeRoom()
  expect(told).toEqual(['a', 'b', 'broke: reset'])
})

test('one that is given up is poured no further, and is not whole though its end had come', async () => {
  const { told, answer, to, push } = pouring()
  answer.pour({
    ...to,
    take: piece => {
      answer.destroy(new Problem('client_gone', 'left'))
      return to.take(piece)
    },
  })
  push('a')
  answer.end()
  expect(told).toEqual(['broke: left', 'hung up', 'a'])
  expect([answer.complete, answer.destroyed]).toEqual([false, true])
})
