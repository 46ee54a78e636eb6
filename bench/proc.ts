import { readFileSync } from 'node:fs'

// Linux counts a process's time in hundredths of a second (sysconf(_SC_CLK_TCK), 100 wherever this runs).
const TICK_MICROSECONDS = 10_000

/** CPU time a process has used so far, user and system, in microseconds (proc(5), fields 14 and 15 of stat). */
export function cpuMicroseconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_MICROSECONDS
}

/** Memory of a process that is in RAM, in megabytes of 10⁶ bytes. */
export function rssMegabytes(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return (Number(kibibytes) * 1024) / 1e6
}
