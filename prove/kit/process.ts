import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** The memory of a process that is in RAM now, in bytes (`VmRSS`, proc(5)). */
export function memoryOf(pid: number): number {
  const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) * 1024
}

/** How many descriptors a process has open. */
export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** How many connections a process has to a port of 127.0.0.1. */
export function connectionsTo(port: number, pid: number): number {
  return portsTo(port, pid).length
}

/** The ports from which a process is connected to a port of 127.0.0.1. */
export function portsTo(port: number, pid: number): number[] {
  const inodes = new Set(
    readdirSync(`/proc/${pid}/fd`).map(fd => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]
      } catch {
        return undefined // closed meanwhile
      }
    }),
  )
  const remote = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return ['tcp', 'tcp6']
    .flatMap(table => readFileSync(`/proc/${pid}/net/${table}`, 'utf8').split('\n'))
    .filter(line => line.includes(remote))
    .map(line => line.trim().split(/\s+/))
    .filter(([, , to, , , , , , , inode]) => to?.endsWith(remote) && inodes.has(inode))
    .map(([, from = '']) => Number.parseInt(from.slice(from.lastIndexOf(':') + 1), 16))
}

/** Watches a process's memory, fifty times a second; to be stopped before the process is. */
export function watchMemory(pid: number) {
  const before = memoryOf(pid)
  let peak = before
  const look = () => {
    peak = Math.max(peak, memoryOf(pid))
  }
  const timer = setInterval(look, 20)
  return {
    /** By how much the memory had grown at its largest so far. */
    grown: (): number => {
      look()
      return peak - before
    },
    stop: () => clearInterval(timer),
  }
}
