import { expect, test } from 'bun:test'
import type { Taken } from '../../src/tls/source.ts'
import { type Line, linked } from '../../src/workers/link.ts'
import type { Order, Place, Report } from '../../src/workers/messages.ts'

const PLACE: Place = { number: 1, port: 4000, pair: undefined, isMeasured: true }

/** A line whose other end a test holds. */
function held() {
  const said: Report[] = []
  let hear: (order: Order) => void = () => undefined
  let cut = () => undefined as unknown
  const line: Line = {
    send: report => said.push(report),
    on: (event: string, listener: (order: Order) => void) => {
      if (event === 'message') hear = listener
      else cut = listener as () => void
    },
  }
  return { line, said, tell: (order: Order) => hear(order), cut: () => cut() }
}

async function begun() {
  const [other, heard] = [held(), [] as string[]]
  const link = linked(other.line, () => heard.push('end'))
  other.tell({ kind: 'begin', place: PLACE })
  const own = await link
  if (!own) throw new TypeError('nobody is on the line')
  return { ...other, own, heard }
}

test('a worker takes the place that it is told, once it can hear', async () => {
  const { own, said } = await begun()
  expect([own.number, own.port, said]).toEqual([1, 4000, [{ kind: 'ready' }]])
})

test('a signal, or the end of its supervisor, ends a worker that does not serve yet', async () => {
  const { tell, cut, heard, own } = await begun()
  tell({ kind: 'signal' })
  cut()
  own.onSignal(() => heard.push('drain'))
  tell({ kind: 'signal' })
  expect(heard).toEqual(['end', 'end', 'drain'])
})

test('a pair that comes before it is asked for is not lost, and of two the later is taken', async () => {
  const { tell, own } = await begun()
  const pair = (stamp: string) => ({ stamp }) as unknown as Taken
  const taken: Taken[] = []
  tell({ kind: 'pair', pair: pair('1') })
  tell({ kind: 'pair', pair: pair('2') })
  own.onPair(next => taken.push(next))
  tell({ kind: 'pair', pair: pair('3') })
  expect(taken).toEqual([pair('2'), pair('3')])
})

test('nobody is on the line of a process that has none', async () => {
  const { line } = held()
  expect(await linked({ on: line.on }, () => undefined)).toBeUndefined()
})
