import { dlopen } from 'bun:ffi'
import { readFileSync } from 'node:fs'

/** How often it is looked whether the process has come to rest, in milliseconds. */
export const REST_MS = 5000
// Of one core. A gateway that nobody asks uses half of one percent.
const BUSY = 0.05
// Linux's number.
const MADV_DONTNEED = 4

interface Rest {
  /** CPU time of the process so far, in milliseconds. */
  usedMs: () => number
  release: () => void
}

/**
 * To be called each {@link REST_MS}: calls `release` after the start and after each busy time, at once and again when it has
 * been at rest for twice as long, for the first renewal and the first sweep run code that is not run again soon.
 */
export function resting({ usedMs, release }: Rest): () => void {
  let quiet = 0
  let before = usedMs()
  return () => {
    const used = usedMs()
    const isBusy = used - before > BUSY * REST_MS
    before = used
    quiet = isBusy ? 0 : quiet + 1
    if (Number.isInteger(Math.log2(quiet))) release()
  }
}

/** CPU time of this process so far, in milliseconds. */
export function usedMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/**
 * Takes the pages of the program's own file out of this process's memory; the system's cache has them still, and what
 * runs on takes its own from there (measured: 2 ms for the call, some 400 faults after it). Of what a start or a busy
 * time has run, most is not run again soon. Elsewhere than on Linux it does nothing.
 */
export function releaseCode(): void {
  if (process.platform !== 'linux') return
  try {
    const { symbols, close } = dlopen('libc.so.6', { madvise: { args: ['u64', 'u64', 'i32'], returns: 'i32' } })
    for (const { from, to } of unchanged(readFileSync('/proc/self/smaps', 'utf8'), process.execPath))
      symbols.madvise(from, to - from, MADV_DONTNEED)
    close()
  } catch {
    // A system that shows no maps, or lets no code be made at run time: there they stay.
  }
}

/** Where a file is mapped, by proc(5)'s `smaps`, and may not be written nor was: what was changed would be lost. */
export function unchanged(smaps: string, file: string): { from: bigint; to: bigint }[] {
  return smaps.split(/^(?=[\da-f]+-[\da-f]+ )/m).flatMap(mapping => {
    const [, from, to, path] = /^([\da-f]+)-([\da-f]+) r-[-x]p \S+ \S+ \d+ +(.*)$/m.exec(mapping) ?? []
    if (path !== file || !/^Anonymous: +0 kB$/m.test(mapping)) return []
    return [{ from: BigInt(`0x${from}`), to: BigInt(`0x${to}`) }]
  })
}
