import { heapStats } from 'bun:jsc'
import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { REST_MS, releaseCode, resting, shrinkHeap, unchanged } from '../src/resting.ts'

/** In which of the stretches something is given back, of a process that uses so many milliseconds in each. */
function givenBackWhile(stretches: readonly number[]) {
  const [released, shrunk]: [number[], number[]] = [[], []]
  let [used, at] = [0, 0]
  const rest = resting({
    usedMs: () => used,
    release: () => released.push(at),
    shrink: () => shrunk.push(at),
  })
  for (const stretch of stretches) {
    at++
    used += stretch
    rest()
  }
  return { released, shrunk }
}

// Of one core, in milliseconds of a stretch: nobody asks, somebody does, many do.
const [quiet, asked, busy] = [0.003, 0.04, 0.5].map(share => share * REST_MS) as [number, number, number]

const mapping = (place: string, changed: number) =>
  `${place}\nSize: 80 kB\nRss: 40 kB\nAnonymous: ${String(changed).padStart(8)} kB\nVmFlags: rd ex mr mw me\n`

describe('memory is given back', () => {
  test('after the start, and ever more seldom while nothing happens', () => {
    const doublings = [1, 2, 4, 8, 16, 32]
    expect(givenBackWhile(Array(40).fill(quiet))).toEqual({ released: doublings, shrunk: doublings })
  })

  test('after each busy time, when it is over', () => {
    const { released, shrunk } = givenBackWhile([busy, busy, quiet, quiet, quiet, busy, quiet])
    expect(released).toEqual([3, 4, 7])
    expect(shrunk).toEqual([3, 4, 7])
  })

  test('but nothing that requests need, while some come', () => {
    const { released, shrunk } = givenBackWhile([busy, asked, asked, quiet, asked, quiet])
    expect(released).toEqual([2, 3, 5])
    expect(shrunk).toEqual([4, 6])
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
    const compiled = (name: string) => {
      const run = new Function('at', `return at + ${name.length}`) as (at: number) => number
      for (let at = 0; at < 1000; at++) run(at)
      return run
    }
    const runs = Array.from({ length: 2000 }, (_, at) => compiled(`${at}`))
    Bun.gc(true)
    const before = heapStats().heapSize
    shrinkHeap()
    for (let waits = 0; heapStats().heapSize >= before && waits < 100; waits++) await Bun.sleep(20)
    expect(heapStats().heapSize).toBeLessThan(before)
    expect(runs.map(run => run(1)).slice(-1)).toEqual([5])
  })

  test.if(process.platform === 'linux')('and the program runs on without it', () => {
    const mapped = () => Number(/^RssFile:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
    const before = mapped()
    releaseCode()
    expect(mapped()).toBeLessThan(before)
    expect(JSON.parse('[1]').map(String)).toEqual(['1'])
  })
})
