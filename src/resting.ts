import { dlopen } from 'bun:ffi'
import { readFileSync } from 'node:fs'
import type { Store } from './store/store.ts'

/** How often it is looked whether the process has come to rest, in milliseconds. */
export const REST_MS = 5000
// Shares of one core. A gateway that nobody asks uses 0.3 %, one that is asked ten times a second 4 %.
const [BUSY, ASKED] = [0.05, 0.01]
// Linux's number.
const MADV_DONTNEED = 4

interface Rest {
  /** CPU time of the process so far, in milliseconds. */
  usedMs: () => number
  /** Gives back what a process at rest does not need, though it be asked now and then. */
  release: () => void
  /** Gives back what only requests need. */
  shrink: () => void
}

/**
 * To be called each {@link REST_MS}: gives memory back after the start and after each busy time, at once and again when it
 * has been at rest for twice as long, for the first renewal and the first sweep run code that is not run again soon. What
 * requests need goes later and at less use: the next ones would cost more, and where they come often that would look busy.
 */
export function resting({ usedMs, release, shrink }: Rest): () => void {
  const acts = [below(ASKED, 2, shrink), below(BUSY, 1, release)]
  let before = usedMs()
  return () => {
    const share = (usedMs() - before) / REST_MS
    for (const act of acts) act(share)
    // Once they are done: what they take is no use of the next stretch.
    setImmediate(() => {
      before = usedMs()
    })
  }
}

/** Acts when so many stretches in a row have used no more than the limit, and whenever they are twice as many. */
function below(limit: number, first: number, act: () => void): (share: number) => void {
  let stretches = 0
  return share => {
    stretches = share > limit ? 0 : stretches + 1
    const doublings = Math.log2(stretches / first)
    if (Number.isInteger(doublings) && doublings >= 0) act()
  }
}

/** To be called each {@link REST_MS}: gives back what this process, and what it has read of the database, hold at rest. */
export const givingBack = ({ forget }: Pick<Store, 'forget'>): (() => void) =>
  resting({
    usedMs,
    shrink: () => {
      shrinkHeap()
      forget()
    },
    // After the heap, for what collects it is code of the program's own.
    release: () => setImmediate(releaseCode),
  })

/** CPU time of this process so far, in milliseconds. */
function usedMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/**
 * Has the engine drop its compiled code and collect its garbage, once this turn is over: that holds the process up for 11
 * to 34 ms. What is run again comes from the executable's bytecode, and is compiled when it is run often.
 */
export const shrinkHeap = (): void => Bun.shrink()

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
