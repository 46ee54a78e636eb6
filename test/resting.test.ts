import { heapStats } from 'bun:jsc'
import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { REST_MS, releaseCode, resting, shrinkHeap, unchanged } from '../src/resting.ts'

/** In which of the stretches something is given back, of a process that uses so many milliseconds in each; that takes some too. */
async function givenBackWhile(stretches: readonly number[], takesMs = 0) {
  const [released, shrunk]: [number[], number[]] = [[], []]
  let [used, at] = [0, 0]
  const act = (acted: number[]) => () => {
    acted.push(at)
    used += takesMs
  }
  const rest = resting({ usedMs: () => used, release: act(released), shrink: act(shrunk) })
  for (const stretch of stretches) {
    at++
    used += stretch
    rest()
    await new Promise(setImmediate)
  }
  return { released, shrunk }
}

// Of one core, in milliseconds of a stretch: nobody asks, somebody does, many do.
const [quiet, asked, busy] = [0.003, 0.04, 0.5].map(share => share * REST_MS) as [number, number, number]

const mapping = (place: string, changed: number) =>
  `${place}\nSize: 80 kB\nRss: 40 kB\nAnonymous: ${String(changed).padStart(8)} kB\nVmFlags: rd ex mr mw me\n`

describe('memory is given back', () => {
  test('after the start, and ever more seldom while nothing happens', async () => {
    const { released, shrunk } = await givenBackWhile(Array(40).fill(quiet))
    expect(released).toEqual([1, 2, 4, 8, 16, 32])
    expect(shrunk).toEqual([2, 4, 8, 16, 32])
  })

  test('no more often for what that takes itself', async () => {
    const { released, shrunk } = await givenBackWhile(Array(20).fill(quiet), busy)
    expect(released).toEqual([1, 2, 4, 8, 16])
    expect(shrunk).toEqual([2, 4, 8, 16])
  })

  test('after each busy time, when it is over', async () => {
    const { released, shrunk } = await givenBackWhile([busy, busy, quiet, quiet, quiet, busy, quiet, quiet])
    expect(released).toEqual([3, 4, 7, 8])
    expect(shrunk).toEqual([4, 8])
  })

  test('what requests need stays while some come, and a while longer', async () => {
    const { released, shrunk } = await givenBackWhile([busy, asked, asked, quiet, asked, quiet, quiet])
    expect(released).toEqual([2, 3, 5])
    expect(shrunk).toEqual([7])
  })

  test('only what is mapped of the program and was not changed', () => {
    const file = '/usr/local/bin/sealgate'
    const text = [
      mapping(`00200000-00300000 r--p 00000000 fe:00 12                 ${file}`, 0),
      mapping(`01a40000-0684a000 r-xp 01838000 fe:00 12                 ${file}`, 0),
      mapping(`0684a000-0685f000 rw-p 06641000 fe:00 12                 ${file}`, 0),
      mapping(`0685f000-06867000 r--p 06656000 fe:00 12                 ${file}`, 12),
      mapping('7f00a000-7f00b000 r-xp 00000000 fe:00 13                 /lib/libc.so.6', 0),
      mapping('7f00c000-7f00d000 r-xp 00000000 00:00 0 ', 0),
    ]
    expect(unchanged(text.join(''), file)).toEqual([
      { from: 0x200000n, to: 0x300000n },
      { from: 0x1a40000n, to: 0x684a000n },
    ])
  })

  test('the engine drops what it compiled, and compiles it anew', async () => {
    const compiled = (added: number) => {
      const run = new Function('at', `return at + ${added}`) as (at: number) => number
      for (let at = 0; at < 1000; at++) run(at)
      return run
    }
    const runs = Array.from({ length: 500 }, (_, at) => compiled(at))
    const blocks = () => heapStats().objectTypeCounts['FunctionCodeBlock'] ?? 0
    Bun.gc(true)
    const before = blocks()
    expect(before).toBeGreaterThan(500)
    shrinkHeap()
    for (let waits = 0; blocks() > before - 500 && waits < 100; waits++) await Bun.sleep(20)
    expect(blocks()).toBeLessThanOrEqual(before - 500)
    expect(runs.map(run => run(1))).toEqual(Array.from({ length: 500 }, (_, at) => at + 1))
  })

  test.if(process.platform === 'linux')('and the program runs on without it', () => {
    const mapped = () => Number(/^RssFile:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
    const before = mapped()
    releaseCode()
    expect(mapped()).toBeLessThan(before)
    expect(JSON.parse('[1]').map(String)).toEqual(['1'])
  })
})
