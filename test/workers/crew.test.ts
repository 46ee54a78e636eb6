import { describe, expect, test } from 'bun:test'
import type { Worker } from '../../src/workers/child.ts'
import { crew } from '../../src/workers/crew.ts'
import type { Order } from '../../src/workers/messages.ts'
import { clockAt } from '../kit/clock.ts'

/** A worker that does what it is told to by a test. */
function fake(number: number, port: number) {
  const [listening, exited] = [Promise.withResolvers<number>(), Promise.withResolvers<number>()]
  const told: Order['kind'][] = []
  const worker: Worker = {
    listening: listening.promise,
    exited: exited.promise,
    tell: ({ kind }) => {
      told.push(kind)
    },
    counted: async () => [],
    kill: () => exited.resolve(137),
  }
  return { ...worker, number, port, told, listen: listening.resolve, exit: exited.resolve }
}

function hiring(count: number) {
  let refuses = false
  const clock = clockAt()
  const hired: ReturnType<typeof fake>[] = []
  const pauses: number[] = []
  const lines: unknown[][] = []
  const buried: unknown[] = []
  const patience = Promise.withResolvers<void>()
  const all = crew({
    count,
    port: 0,
    hire: (number, port) => {
      if (refuses) throw new TypeError('no process to be had')
      const worker = fake(number, port)
      hired.push(worker)
      return worker
    },
    ended: worker => buried.push(worker),
    now: clock.now,
    patienceMs: 40_000,
    pause: ms => (ms === 40_000 ? patience.promise : Promise.resolve(pauses.push(ms))),
    log: (...line) => lines.push(line),
  })
  const refuse = () => {
    refuses = true
  }
  const at = (index: number) => {
    const worker = hired[index]
    if (!worker) throw new TypeError(`${hired.length} were hired`)
    return worker
  }
  return { all, clock, hired, at, pauses, lines, buried, lose: patience.resolve, refuse }
}

const turn = () => Bun.sleep(0)
const numbers = (workers: readonly { number: number; port: number }[]) =>
  workers.map(({ number, port }) => [number, port])

describe('workers', () => {
  test('are started when the first listens, on its port', async () => {
    const { all, hired, at } = hiring(3)
    await turn()
    expect(numbers(hired)).toEqual([[0, 0]])
    at(0).listen(4000)
    expect(await all.port).toBe(4000)
    await turn()
    expect(numbers(hired).slice(1)).toEqual([
      [1, 4000],
      [2, 4000],
    ])
  })

  test('are not started where the first ends before it listens, and its code is that of all', async () => {
    const { all, hired, at } = hiring(3)
    at(0).exit(2)
    expect([await all.port, await all.ended, hired.length, all.deaths]).toEqual([undefined, 2, 1, 0])
  })

  test('that die are replaced, each by one of its number', async () => {
    const { all, hired, at, pauses, lines, buried } = hiring(2)
    at(0).listen(4000)
    await turn()
    at(1).exit(137)
    await turn()
    expect(numbers(hired).slice(2)).toEqual([[1, 4000]])
    expect([pauses, buried, all.deaths, all.workers.length]).toEqual([[100], [hired[1]], 1, 2])
    expect(lines).toEqual([['error', 'worker_died', { worker: 1, exit: 137 }]])
  })

  test('that die three times in ten seconds end all, with 1', async () => {
    const { all, hired, at, clock, lines } = hiring(2)
    at(0).listen(4000)
    await turn()
    at(1).exit(1)
    await turn()
    clock.pass(9000)
    at(0).exit(1)
    await turn()
    expect([hired.length, all.deaths]).toEqual([4, 2])
    clock.pass(999)
    at(2).exit(1)
    await turn()
    expect([hired.length, at(3).told]).toEqual([4, ['signal']])
    at(3).exit(0)
    expect(await all.ended).toBe(1)
    expect(lines.at(-1)).toEqual(['error', 'workers_failed', { deaths: 3 }])
  })

  test('of which none can be started any more end when that was tried three times', async () => {
    const { all, at, hired, lines, refuse } = hiring(2)
    at(0).listen(4000)
    await turn()
    refuse()
    at(1).exit(137)
    await turn()
    expect([hired.length, at(0).told, all.deaths]).toEqual([2, ['signal'], 3])
    expect(lines[1]).toEqual(['error', 'worker_died', { worker: 1, fault: expect.stringContaining('TypeError') }])
    at(0).exit(0)
    expect(await all.ended).toBe(1)
  })

  test('that die less often are replaced for ever', async () => {
    const { all, hired, at, clock, pauses } = hiring(1)
    at(0).listen(4000)
    await turn()
    for (let index = 0; index < 9; index++) {
      clock.pass(5000)
      at(index).exit(139)
      await turn()
    }
    expect([hired.length, all.deaths, new Set(pauses.slice(1))]).toEqual([10, 9, new Set([1000])])
  })

  test('are told of each signal, are replaced no more, and end with 0', async () => {
    const { all, hired, at } = hiring(2)
    at(0).listen(4000)
    await turn()
    all.signal()
    all.signal()
    expect([at(0).told, at(1).told]).toEqual([
      ['signal', 'signal'],
      ['signal', 'signal'],
    ])
    at(0).exit(0)
    at(1).exit(137)
    expect([await all.ended, hired.length, all.deaths]).toEqual([0, 2, 0])
  })

  test('that hang when they are to end are killed', async () => {
    const { all, at, lose } = hiring(2)
    at(0).listen(4000)
    await turn()
    all.signal()
    lose()
    expect([await all.ended, all.workers]).toEqual([0, []])
  })

  test('of which the others died three times are killed too, where they hang', async () => {
    const { all, at, lose } = hiring(2)
    at(0).listen(4000)
    await turn()
    for (const index of [1, 2, 3]) {
      at(index).exit(1)
      await turn()
    }
    lose()
    expect([await all.ended, all.workers]).toEqual([1, []])
  })

  test('of which a signal ends the first before it listens end with 0, whatever it ends with', async () => {
    const { all, at } = hiring(2)
    all.signal()
    at(0).exit(143)
    expect(await all.ended).toBe(0)
  })

  test('of which the first is still starting at the signal are told of it', async () => {
    const { all, hired, at } = hiring(2)
    all.signal()
    expect(at(0).told).toEqual(['signal'])
    at(0).listen(4000)
    at(0).exit(0)
    expect([await all.ended, hired.length]).toEqual([0, 1])
  })
})
