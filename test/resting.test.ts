import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { REST_MS, releaseCode, resting, unchanged } from '../src/resting.ts'

/** What is released of a process that uses so many milliseconds in each stretch. */
function releasedWhile(stretches: readonly number[]): boolean[] {
  const released: boolean[] = []
  let [used, count] = [0, 0]
  const rest = resting({
    usedMs: () => used,
    release: () => {
      count++
    },
  })
  for (const stretch of stretches) {
    const before = count
    used += stretch
    rest()
    released.push(count > before)
  }
  return released
}

const mapping = (place: string, changed: number) =>
  `${place}\nSize: 80 kB\nRss: 40 kB\nAnonymous: ${String(changed).padStart(8)} kB\nVmFlags: rd ex mr mw me\n`

describe('memory is given back', () => {
  test('after the start, and ever more seldom while nothing happens', () => {
    const released = releasedWhile(Array(40).fill(20)).flatMap((isReleased, at) => (isReleased ? [at + 1] : []))
    expect(released).toEqual([1, 2, 4, 8, 16, 32])
  })

  test('after each busy time, when it is over', () => {
    const busy = REST_MS / 2
    expect(releasedWhile([busy, busy, 20, 20, 20, busy, 20])).toEqual([false, false, true, true, false, false, true])
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

  test.if(process.platform === 'linux')('and the program runs on without it', () => {
    const mapped = () => Number(/^RssFile:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
    const before = mapped()
    releaseCode()
    expect(mapped()).toBeLessThan(before)
    expect(JSON.parse('[1]').map(String)).toEqual(['1'])
  })
})
