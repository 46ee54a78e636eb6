import { readFileSync } from 'node:fs'

// Linux counts a process's time in hundredths of a second (sysconf(_SC_CLK_TCK), 100 wherever this runs).
const TICK_MICROSECONDS = 10_000

/** CPU time a process has used so far, user and system, in microseconds (proc(5), fields 14 and 15 of stat). */
export function cpuMicroseconds(pid: number): number {
  return ticks(pid, 11) * TICK_MICROSECONDS
}

/** A field of stat and the next, of those after the name, which may hold blanks. */
function ticks(pid: number, at: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[at]) + Number(fields[at + 1])
}

/** Memory of a process that is in RAM, in megabytes of 10⁶ bytes. */
export function rssMegabytes(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return (Number(kibibytes) * 1024) / 1e6
}

/** What of that is mapped from files, and could be taken without a word: programs and libraries. */
export function mappedMegabytes(pid: number): number {
  return (Number(/^RssFile:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024) / 1e6
}

/** The processes that a process has started and that are there. */
export function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
}

/** Who started a process. */
export function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

/** Bytes that a process has written into files so far; what it sends through sockets is none of these (proc(5), `wchar`). */
export function bytesWritten(pid: number): number {
  return Number(/^wchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1])
}

/** CPU time of a process, of all that it has started, and of those among them that have ended, in microseconds. */
export function treeCpuMicroseconds(pid: number): number {
  const children = childrenOf(pid).reduce((sum, child) => sum + treeCpuMicroseconds(child), 0)
  return (ticks(pid, 11) + ticks(pid, 13)) * TICK_MICROSECONDS + children
}

/**
 * What the hypervisor takes, from now on, of the time that programs here want a core, in percent; of all cores together
 * (proc(5), `/proc/stat`: steal).
 */
export function stolen(): () => number {
  const ticks = () => readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]?.split(/ +/).slice(1).map(Number) ?? []
  const before = ticks()
  return () => {
    const spent = ticks().map((all, at) => all - (before[at] ?? 0))
    const [user = 0, nice = 0, system = 0, , , interrupts = 0, softly = 0, steal = 0] = spent
    return (100 * steal) / (user + nice + system + interrupts + softly + steal || 1)
  }
}

/** How many descriptors a process started from here may have (getrlimit(2), RLIMIT_NOFILE, the hard limit). */
export function descriptorsFor(): number {
  return Number(/^Max open files +\d+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1])
}
